import pytest

from .quick import QUICK


@pytest.fixture
def condenser(request):
    """A quick condenser, by its name."""
    return QUICK[request.param]()
