"""The longer commands of `python -m training`, one file each."""
