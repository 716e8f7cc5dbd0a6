from trainings import base, landscapes, one_thread, photos

__all__ = ["base", "landscapes", "one_thread", "photos"]
