from trainings import base, landscapes, no_figures, one_thread, photos

__all__ = ["base", "landscapes", "no_figures", "one_thread", "photos"]
