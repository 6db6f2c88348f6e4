"""Files to take away: tables, charts, bundles, Keras scripts and ``.keras`` files."""
