"""Where a file lies in the cache of the Hub, told from its path: nothing here needs huggingface_hub."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_SAVING = "Save the model again with model.save_pretrained(folder), or download it again."


class CachedPlace(NamedTuple):
    """A file or folder of a snapshot in the cache.

    Attributes:
        cache: The folder of the whole cache, whose links may lead anywhere inside.
        hub_id: Of the model.
        commit: Full hash of the revision.
        name: Path inside the repository.
    """

    cache: Path
    hub_id: str
    commit: str
    name: str

    @classmethod
    def of(cls, path: Path) -> CachedPlace | None:
        """Reads a path of the form `cache/models--org--name/snapshots/commit/...`; None for any other."""
        path = path.absolute()
        for snapshot in (path, *path.parents):
            repository = snapshot.parent.parent
            if snapshot.parent.name == "snapshots" and repository.name.startswith("models--"):
                # Ids on the Hub hold no double hyphen.
                hub_id = "/".join(repository.name.split("--")[1:])
                return cls(repository.parent, hub_id, snapshot.name, path.relative_to(snapshot).as_posix())
        return None


def remedy(path: Path, saving: str = _SAVING) -> str:
    """What to do about a damaged file of a saved model.

    Args:
        path: The file.
        saving: What to do if it does not lie in the cache.
    """
    place = CachedPlace.of(path)
    if place is None:
        return saving
    # Deleting the file would not help: it is a link to the damaged one, and would be made again.
    return (
        "The file lies in the cache of the Hub. Replace it: "
        f"hf download {place.hub_id} {place.name} --revision {place.commit} --force-download"
    )
