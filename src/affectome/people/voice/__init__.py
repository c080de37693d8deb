"""Reading voices: which parts hold speech, what they express, and models of a user's own sounds."""
