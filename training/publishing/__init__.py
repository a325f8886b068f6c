"""From a registered version to files that serving loads."""
