"""``python -m gigaplan``."""

from gigaplan._start import main

main()
