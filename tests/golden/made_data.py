"""Data files that are too large, too binary or too oddly named to be kept: made when a test runs."""


def make(case, folder):
    maker = globals().get(f"make_{case}")
    if maker is not None:
        maker(folder)
