"""Count false alarms and coverage of every p and interval: ``python -m bench calibration``.

Each module here has ``cells()``: what is tested, in which design, and a function that makes data
sets and counts. ``table`` runs them and writes docs/calibration.md.
"""
