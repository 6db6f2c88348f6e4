"""Files that people have image sets in, each read as it is: what it holds, before anything is checked or converted."""
