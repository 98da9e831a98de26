"""Fixtures of the folder; ../k8s/pytest.ini puts them on the path."""

from program import intentd, models  # noqa: F401
