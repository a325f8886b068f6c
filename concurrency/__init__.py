"""Work shared by those who ask at the same time, calls shared by small requests, and files replaced whole."""
