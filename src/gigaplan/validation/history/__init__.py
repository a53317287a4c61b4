"""Published history compared with plans: inside the data, and a year ahead with the facts of then."""
