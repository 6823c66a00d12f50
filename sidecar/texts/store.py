"""Why state is not kept on disk, in words."""


def not_kept(reason: str) -> str:
    return f"state is kept in memory only, until the disk works again: {reason}"


def corrupt(held: bool) -> str:
    if held:
        return "the database is damaged and another sidecar still has it open; close the other OpenCodes"
    return "the database is damaged and could not be set aside"


def newer() -> str:
    return "the database was written by a newer version; update this one"


def refused(reason: str) -> str:
    return f"the disk refused ({reason})"
