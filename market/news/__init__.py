"""What is written about companies: articles, how many, about results or not, and in which tone."""
