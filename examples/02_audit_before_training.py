"""
Audit a table before anyone trains
==================================

Is there anything in this table that would make a score too good? The audit takes a file or a
DataFrame, and says what each fault costs.
"""

import numpy as np
import pandas as pd

import affectome as af

rng = np.random.default_rng(0)
person = np.repeat(np.arange(10), 30)
table = pd.DataFrame(rng.normal(size=(300, 8)), columns=[f"pitch_{k}" for k in range(8)])
table += rng.normal(size=(10, 8))[person]
table["speaker"] = [f"s{k}" for k in person]
usual = np.where(person % 2, 0.8, 0.2)
table["emotion"] = np.where(rng.random(300) < usual, "sad", "happy")
table["reviewed"] = np.where(table["emotion"] == "sad", 1.0, 0.0) + rng.normal(0, 0.05, 300)

# %%
# Two traps: a column that was made from the label, and people who have one label mostly.
found = af.audit(table, "emotion")
print(found)

# %%
# A pipeline can fail on it: ``affectome audit TABLE --target emotion`` prints the same.
print(found.to_frame()[["code", "severity", "kind"]])
found.plot()
