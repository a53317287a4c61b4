"""Jobs that survive the page and the server: kept on the disk, worked off by processes, begun again after a stop."""
