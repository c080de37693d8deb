"""What a network of the user's choice sees in a picture: the means of its layers' maps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectome.data import read_picture
from affectome.errors import InputError
from affectome.networks import Network, activations, load_network
from affectome.networks.network import BUILDERS
from affectome.networks.own import KNOWN
from affectome.people.pictures.backbone import Array

PERMISSION = "AFFECTOME_RUN_NETWORK"
"""Environment variable that names the network of the user's own that a model may run."""


@dataclass(frozen=True, eq=False)
class OwnNetwork:
    """A network as the eyes of a model.

    Attributes
    ----------
    network
        The network; the means of all of its layers' maps are the features.
    asked
        Name, factory or file that it comes from.
    """

    network: Network
    asked: str

    @classmethod
    def find(cls, asked: str, preprocessing: str | None = None) -> OwnNetwork:
        """Load a network by name, ``module:factory``, ``file.py:factory`` or ``file.pt2``."""
        place, colon, factory = asked.rpartition(":")
        if place.endswith(".py"):
            asked = f"{Path(place).resolve()}{colon}{factory}"
        elif asked.endswith(".pt2"):
            asked = str(Path(asked).resolve())
        return cls(load_network(asked, preprocessing=preprocessing), asked)

    @classmethod
    def of_card(cls, kept: Mapping[str, Any]) -> OwnNetwork:
        """Load the network that a model was trained with.

        Raises
        ------
        InputError
            If it is code that may not be run, or is another network by now.
        """
        asked = str(kept["asked"])
        if asked not in {*BUILDERS, *KNOWN} and os.environ.get(PERMISSION) != asked:
            raise InputError(
                f"this model looks through {asked}, which is code: set {PERMISSION}={asked} to "
                "run it, if you trust it"
            )
        found = cls.find(asked, kept["preprocessing"])
        if found.network.sha256 != kept["sha256"]:
            raise InputError(f"{asked} is not the network any more that the model was made with")
        return found

    def to_dict(self, preprocessing: str | None) -> dict[str, Any]:
        """Give what a card has to hold, so that the network is found again."""
        return {
            "asked": self.asked,
            "preprocessing": preprocessing,
            "sha256": self.network.sha256,
            "words": f"{self.network.name}, {self.network.source}",
        }

    @property
    def side(self) -> int:
        """Pixels on either side of what the network takes."""
        return self.network.preprocessing.side

    def shorten(self, file: str | Path) -> NDArray[np.uint8]:
        """Read a picture and bring it to the size that the network takes."""
        return self.network.preprocessing.shorten(read_picture(file))

    def features(self, pixels: NDArray[np.uint8]) -> Array:
        """Look at shortened pictures (n, side, side, 3); shape (n, n_features), float32."""
        found = activations(self.network, list(pixels), precision="float32")
        return found.recording.to_numpy()

    def look(
        self, files: Sequence[str], store: Path, network: Network | None = None, **how: Any
    ) -> Array:
        """Look at files that can be read, kept in a Zarr folder; by another network if given."""
        eyes = network or self.network
        found = activations(eyes, files, precision="float32", store=store, **how)
        return found.recording.to_numpy()
