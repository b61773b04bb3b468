"""What other threads ask of the one that owns the device: done by it between two forwards."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Task:
    do: Callable[[], object]
    done: threading.Event = field(default_factory=threading.Event)
    answer: object = None


class Tasks:
    """Safe for concurrent use, but for run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: list[Task] = []

    def __len__(self) -> int:
        with self._lock:
            return len(self._tasks)

    def add(self, do: Callable[[], object]) -> Task:
        """do is called until it returns something but None: that, or its error, is the answer."""
        task = Task(do)
        with self._lock:
            self._tasks.append(task)
        return task

    def run(self) -> None:
        """Of the loop's thread."""
        with self._lock:
            tasks = list(self._tasks)
        for task in tasks:
            try:
                task.answer = task.do()
            except Exception as err:  # the asker's
                task.answer = err
            if task.answer is not None:
                with self._lock:
                    self._tasks.remove(task)
                task.done.set()
