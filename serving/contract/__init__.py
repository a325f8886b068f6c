"""Bodies of requests and answers, problems, and checks of what was asked."""
