"""Convolutional and recurrent decoders as scikit-learn estimators, trained by skorch."""

from __future__ import annotations

import inspect
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, check_random_state

from affectome.decoding.groups import group_columns, inner_folds
from affectome.decoding.torch_modules import EEGNet, ShallowConvNet, WindowGRU
from affectome.errors import InputError, require, unknown

MODULES: dict[str, type[torch.nn.Module]] = {
    "eegnet": EEGNet,
    "shallow": ShallowConvNet,
    "gru": WindowGRU,
}
MONITORS = {"loss": "valid_loss", "accuracy": "valid_acc"}


class DeepDecoder(ClassifierMixin, BaseEstimator):
    """A network, trained by gradient descent on cross-entropy with early stopping.

    Units are standardised with the training trials' mean and deviation. Training stops when the
    loss (or accuracy) on validation trials, taken from *inside* the training trials, has not got
    better for ``patience`` epochs; the best epoch's weights are kept. Validation trials share no
    group with those that train: new people, new stimuli, or both at once where they cross.

    Parameters
    ----------
    module
        "eegnet", "shallow", "gru", or any torch module class. It is built with ``n_units``,
        ``n_times`` and ``n_classes``, or with ``n_chans``, ``n_times`` and ``n_outputs`` where it
        names them so, as braindecode's do. It is called with an array of the shape
        (n_trials, n_units, n_times) and must give logits.
    module_params
        Further arguments of the module.
    max_epochs, patience, batch_size, learning_rate, weight_decay
        Of the training (AdamW).
    validation
        Share of the training trials (or of the groups of each column) that decide when to stop.
    monitor
        "loss", which keeps probabilities honest, or "accuracy", which keeps on growing in small
        sets long after the network has become too sure of itself.
    device
        "auto" takes a CUDA device where there is one; or any name that torch knows.
    random_state
        Seed of the weights, of the order of trials and of the validation split.

    Attributes
    ----------
    classes_ : ndarray
    net_ : skorch.NeuralNetClassifier
        The trained network.
    n_epochs_ : int
        Epochs until training stopped.
    """

    __metadata_request__fit = {"groups": True}  # noqa: RUF012
    crossed_groups = True

    def __init__(
        self,
        module: str | type[torch.nn.Module] = "eegnet",
        module_params: dict[str, Any] | None = None,
        max_epochs: int = 100,
        patience: int = 15,
        batch_size: int = 32,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-2,
        validation: float = 0.2,
        monitor: Literal["loss", "accuracy"] = "loss",
        device: str = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.module = module
        self.module_params = module_params
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.validation = validation
        self.monitor = monitor
        self.device = device
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train on ``X``, shape (n_trials, n_times, n_units) as in a Recording, and labels ``y``.

        Parameters
        ----------
        X, y
            Trials and their labels.
        groups
            What trials share, shape (n_trials,) or (n_trials, n_columns). Without it trials are
            taken as independent, and a warning says so.

        Raises
        ------
        InputError
            If ``X`` has no time axis, holds NaN, ``y`` has one class or groups are one.
        """
        values = _checked(X)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(codes) != len(values):
            raise InputError(f"X has {len(values)} trials, but y has {len(codes)} labels")
        if len(self.classes_) < 2:
            raise InputError(f"a decoder needs two classes; y holds {self.classes_.tolist()} alone")
        self.mean_ = values.mean((0, 1), dtype=np.float64).astype(np.float32)
        spread = values.std((0, 1), dtype=np.float64).astype(np.float32)
        self.scale_ = np.where(spread > 0, spread, np.float32(1))
        self.n_features_in_ = values.shape[2]
        random = check_random_state(self.random_state)
        columns = group_columns(groups, len(codes), "early stopping")
        folds = [_validation(codes, columns, self.validation, random)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(random.randint(2**31)))
            self.net_ = self._net(values.shape, folds).fit(
                self._layout(values), codes.astype(np.int64)
            )
        self.n_epochs_ = len(self.net_.history)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Give the probability of each class, shape (n_trials, n_classes)."""
        return softmax(self.decision_function(X), axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Give the most probable class of each trial."""
        return self.classes_[self.decision_function(X).argmax(1)]

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Give the logits, shape (n_trials, n_classes)."""
        check_is_fitted(self, "net_")
        values = _checked(X)
        if values.shape[2] != self.n_features_in_:
            raise InputError(
                f"X has {values.shape[2]} units, but the decoder was trained on "
                f"{self.n_features_in_}"
            )
        # The data loader draws a seed even where nothing is random.
        with torch.random.fork_rng(devices=[]):
            logits = self.net_.forward(self._layout(values))
        return logits.cpu().numpy().astype(np.float64)

    def _layout(self, values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(((values - self.mean_) / self.scale_).transpose(0, 2, 1))

    def _net(self, shape: tuple[int, ...], folds: list[Any]) -> Any:
        skorch = require("skorch", "deep")
        callbacks = require("skorch.callbacks", "deep")
        dataset = require("skorch.dataset", "deep")
        module = _module(self.module)
        if self.monitor not in MONITORS:
            raise unknown("monitor", self.monitor, MONITORS)
        arguments = _sizes(module, shape, len(self.classes_)) | dict(self.module_params or {})
        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return skorch.NeuralNetClassifier(
            module,
            **{f"module__{name}": value for name, value in arguments.items()},
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            lr=self.learning_rate,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train__shuffle=True,
            iterator_train__drop_last=len(folds[0][0]) % self.batch_size == 1,
            train_split=dataset.ValidSplit(folds),
            classes=np.arange(len(self.classes_)),
            callbacks=[
                callbacks.EarlyStopping(
                    monitor=MONITORS[self.monitor],
                    lower_is_better=self.monitor == "loss",
                    patience=self.patience,
                    load_best=True,
                )
            ],
            device=device,
            verbose=0,
        )


def _module(module: str | type[torch.nn.Module]) -> type[torch.nn.Module]:
    if isinstance(module, str):
        if module not in MODULES:
            raise InputError(
                f"there is no network {module!r}; choose {', '.join(MODULES)}, or give a torch "
                "module class"
            )
        return MODULES[module]
    return module


def _sizes(module: type[torch.nn.Module], shape: tuple[int, ...], n_classes: int) -> dict[str, int]:
    units, classes = ("n_units", "n_classes")
    if "n_chans" in inspect.signature(module).parameters:
        units, classes = ("n_chans", "n_outputs")
    return {units: shape[2], "n_times": shape[1], classes: n_classes}


def _checked(X: ArrayLike) -> np.ndarray:
    values = np.asarray(X, dtype=np.float32)
    if values.ndim != 3:
        raise InputError(
            "a network reads trials in time, shape (n_trials, n_times, n_units); "
            f"got {values.shape}"
        )
    if not np.isfinite(values).all():
        raise InputError("X holds NaN or infinity; drop or fill those trials first")
    return values


def _validation(
    codes: np.ndarray, groups: np.ndarray, share: float, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that train and rows that tell when to stop; they share no group."""
    if np.bincount(codes).min() < 2:
        raise InputError(
            "early stopping needs two trials of each class; give more trials of "
            "the rarest class, or a closed-form decoder"
        )
    if groups.shape[1] == 1 and len(np.unique(groups)) == len(codes):
        n_validation = max(round(share * len(codes)), codes.max() + 1)
        chosen = StratifiedShuffleSplit(1, test_size=n_validation, random_state=random)
        return next(chosen.split(codes, codes))
    folds = inner_folds(codes, groups, max(2, round(1 / share)))
    first = random.permutation(len(folds))
    # Groups of one class each may leave the training without a class.
    held = [len(np.unique(codes[folds[number][0]])) for number in first]
    return folds[first[int(np.argmax(held))]]
