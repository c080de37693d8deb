"""Body signals: read with a model of your own; none is shipped, for none beat its baselines."""
