"""Pictures of what condensers trade."""

from skdc.plotting.front import ObjectiveFrontDisplay

__all__ = ["ObjectiveFrontDisplay"]
