"""The program of one worker: reads pickled tasks from its standard input, and answers each until the input ends."""

from __future__ import annotations

import os
import pickle
import signal
import sys

from gigaplan.study.executors import outcome


def main() -> None:
    """Answer tasks; what is printed on the way goes to standard error, not among the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    tasks = sys.stdin.buffer
    try:
        work, common = pickle.load(tasks)
        while True:
            pickle.dump(outcome(work, common, pickle.load(tasks)), answers)
            answers.flush()
    except (EOFError, BrokenPipeError):  # the study has ended, or was ended
        os._exit(0)


if __name__ == "__main__":
    main()
