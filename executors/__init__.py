"""The work itself: one class per kind of task, pure Python, without Django, Celery or a clock of its own.

The engine runs these classes and the API reads their schemas. Nothing here may import anything above this package.
"""
