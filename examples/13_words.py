"""
Read words
==========

A reading gives probabilities, a decision, dimensions with intervals, and says what it rests on.
"""

import affectome as af

reading = af.read("I'm not angry, I'm disappointed.")
print(reading)

# %%
# Many texts are a table, a row each.
readings = af.read(["What a lovely day!", "They lost my parcel again.", "1234 5678"])
print(readings)
print(readings.to_frame()[["labels", "valence", "abstains", "because"]])
readings[1].plot()
