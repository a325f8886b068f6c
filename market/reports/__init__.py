"""When companies report: dates of past quarterly reports and of announced ones."""
