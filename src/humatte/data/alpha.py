"""Mattes from trimaps, by the matting equations: KNN, closed form, learning based.

In: a picture and its trimap. Out: a matte whose sure regions are exactly the trimap's. Large
pictures are solved at a bounded size and restored along their own edges. Needs the extra `data`.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from humatte.arrays import Alpha, Image, check_image, resize
from humatte.console import say
from humatte.data.trimap import BACKGROUND, PERSON, Trimap
from humatte.errors import DataError, UsageError, one_line
from humatte.extras import extra
from humatte.prepare import fitted_size
from humatte.refine import refine

Method = Literal["knn", "cf", "lbdm"]
METHODS: tuple[Method, ...] = get_args(Method)
_USES: dict[Method, tuple[str, ...]] = {
    "knn": ("neighbours", "penalty"),
    "cf": (),
    "lbdm": ("penalty",),
}

Values = NDArray[np.float64]
_SMALLEST_PX = 16  # of --solve-at: below, hardly anything of a person is left
_WINDOW_PX = 3  # side of the windows of cf and lbdm
_MOST_STEPS = 5000  # of conjugate gradients; KNN on photos takes about a hundred
_RESIDUAL = 1e-6  # relative; from a start at the trimap, 1e-7 changes mattes by less than 0.001
_LONG_START_S = 5.0  # compiled solvers load in two seconds


@dataclass(frozen=True)
class Solver:
    """How mattes are solved; the defaults are those of SHM's data preparation."""

    method: Method = "knn"
    solve_at: int = 640
    """Pictures are solved with at most this long side, in pixels."""
    neighbours: int = 10
    """With `knn`: how many other pixels, the nearest in colour and position, a pixel resembles."""
    penalty: float = 100.0
    """With `knn` and `lbdm`: what it costs to differ from the trimap where it is sure (lambda)."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for values out of range."""
        for name, least in (("solve_at", _SMALLEST_PX), ("neighbours", 1), ("penalty", 1e-6)):
            if not getattr(self, name) >= least:
                found = f"{name.replace('_', ' ')} is {getattr(self, name)}"
                raise UsageError(f"{found}; expected {least} or more")

    def settings(self) -> dict[str, object]:
        """What the mattes depend on, without what the method does not use."""
        used = ("method", "solve_at", *_USES[self.method])
        return {name: getattr(self, name) for name in used}


def parse_solver(
    method: str, solve_at: int, neighbours: int | None = None, penalty: float | None = None
) -> Solver:
    """A solver as typed; None is what was not given.

    Raises:
        UsageError: an unknown method, an option that it does not use, values out of range.
    """
    known = parse_method(method)
    options = {"neighbours": neighbours, "penalty": penalty}
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in _USES[known]:
            users = " and ".join(one for one in METHODS if name in _USES[one])
            raise UsageError(
                f"--{name} is not used by --method {known}, but by {users}; leave it out"
            )
    return replace(Solver(known, solve_at), **given)  # type: ignore[arg-type]


def parse_method(word: str) -> Method:
    """A method by its name.

    Raises:
        UsageError: an unknown one.
    """
    for method in METHODS:
        if method == word:
            return method
    raise UsageError(f"no method '{word}'; expected one of {', '.join(METHODS)}")


def solve_alpha(image: Image, trimap: Trimap, solver: Solver = Solver()) -> Alpha:
    """The matte of a picture whose trimap is known.

    Args:
        image: (H, W, 3) uint8 RGB.
        trimap: (H, W) uint8, `BACKGROUND` 0, `PERSON` 255, anything else is unsure.
        solver: which equations, at which size.

    Returns:
        (H, W) float32 in [0, 1]; exactly 0 and 1 where the trimap is sure.

    Raises:
        UsageError: wrong arrays, or the extra `data` is missing.
        DataError: nothing sure to start from, or the equations were not solved.

    Source: Q. Chen, D. Li, C.-K. Tang, "KNN Matting", CVPR 2012; A. Levin, D. Lischinski, Y. Weiss,
    "A Closed-Form Solution to Natural Image Matting", CVPR 2006; Y. Zheng, C. Kambhamettu,
    "Learning Based Digital Matting", ICCV 2009; solved by the package pymatting.
    """
    check_image(image)
    if trimap.shape != image.shape[:2] or trimap.dtype != np.uint8:
        raise UsageError(
            f"found a trimap {trimap.shape} {trimap.dtype}; expected {image.shape[:2]} uint8"
        )
    person, background = trimap == PERSON, trimap == BACKGROUND
    alpha = person.astype(np.float32)
    if (person | background).all():
        return alpha
    why = unsolvable(trimap)
    if why:
        raise DataError(why)
    solved = _bounded(image, person, background, solver)
    unsure = ~(person | background)
    alpha[unsure] = solved[unsure]
    return alpha


def unsolvable(trimap: Trimap) -> str | None:
    """Why no matte can be solved from a trimap, or None if one can."""
    for what, value in (("person", PERSON), ("background", BACKGROUND)):
        if not (trimap == value).any():
            return f"the trimap has no sure {what}; make its unsure band narrower"
    return None


def _bounded(
    image: Image, person: NDArray[np.bool_], background: NDArray[np.bool_], solver: Solver
) -> Alpha:
    """The solution at a bounded size, restored to the picture's."""
    size = (image.shape[0], image.shape[1])
    if max(size) <= solver.solve_at:
        return _solve(image, person, background, solver)
    small = fitted_size(size, solver.solve_at)
    # A reduced pixel is sure only if all of what it covers is.
    sure = [resize(part.astype(np.float32), small) > 1 - 1e-5 for part in (person, background)]
    if not (sure[0].any() and sure[1].any()):
        raise DataError(f"nothing sure is left at {solver.solve_at} pixels; raise --solve-at")
    return refine(image, _solve(resize(image, small), sure[0], sure[1], solver))


def _solve(
    image: Image, person: NDArray[np.bool_], background: NDArray[np.bool_], solver: Solver
) -> Alpha:
    size = f"{image.shape[1]}x{image.shape[0]} pixels"
    if min(image.shape[:2]) < _WINDOW_PX:
        raise DataError(f"solved at {size}, which are too few; expected at least 3x3")
    start = np.where(person, 1.0, np.where(background, 0.0, 0.5))
    load_solvers()
    with _quiet():
        try:
            values = _EQUATIONS[solver.method](image / 255.0, start, solver)
        except (ValueError, ArithmeticError) as error:
            reason = one_line(error)
            raise DataError(f"the {solver.method} equations were not solved: {reason}") from error
        except MemoryError:
            raise DataError(f"no memory to solve {size} at once; lower --solve-at") from None
    if not np.isfinite(values).all():
        raise DataError(f"the {solver.method} equations gave no finite matte; try another --method")
    return np.clip(values, 0, 1).astype(np.float32)


def _knn(image: Values, start: Values, solver: Solver) -> Values:
    from pymatting.laplacian.knn_laplacian import knn_laplacian
    from pymatting.laplacian.laplacian import make_linear_system
    from pymatting.preconditioner.jacobi import jacobi
    from pymatting.solver.cg import cg

    # SHM: one set of neighbours, by RGB and position, both in [0, 1].
    neighbours = min(solver.neighbours, start.size)
    laplacian = knn_laplacian(image, n_neighbors=[neighbours], distance_weights=[1.0])
    left, right = make_linear_system(laplacian, start, lambda_value=solver.penalty)
    found = cg(left, right, x0=start.ravel(), M=jacobi(left), rtol=_RESIDUAL, maxiter=_MOST_STEPS)
    return np.asarray(found).reshape(start.shape)


def _closed_form(image: Values, start: Values, solver: Solver) -> Values:
    from pymatting.alpha.estimate_alpha_cf import estimate_alpha_cf

    return np.asarray(estimate_alpha_cf(image, start, cg_kwargs={"maxiter": _MOST_STEPS}))


def _learning_based(image: Values, start: Values, solver: Solver) -> Values:
    from pymatting.laplacian.laplacian import make_linear_system
    from pymatting.laplacian.lbdm_laplacian import lbdm_laplacian
    from pymatting.preconditioner.ichol import ichol
    from pymatting.solver.cg import cg

    left, right = make_linear_system(lbdm_laplacian(image), start, lambda_value=solver.penalty)
    found = cg(left, right, M=ichol(left), maxiter=_MOST_STEPS)
    return np.asarray(found).reshape(start.shape)


_EQUATIONS: dict[Method, Callable[[Values, Values, Solver], Values]] = {
    "knn": _knn,
    "cf": _closed_form,
    "lbdm": _learning_based,
}


def load_solvers() -> None:
    """Loads pymatting, which compiles itself on its first use on a machine.

    Raises:
        UsageError: the extra `data` is missing, or compiled code can be kept nowhere.
    """
    if sys.modules.get("pymatting"):
        return
    line = "loading the solvers; the first time on a machine they are compiled, about a minute"
    notice = threading.Timer(_LONG_START_S, say, [line])
    notice.daemon = True
    with _quiet(), extra("data"):
        notice.start()
        try:
            import pymatting  # noqa: F401  # what loads is kept by Python
        except RuntimeError as error:  # numba found no folder that it may write to
            raise UsageError(
                f"pymatting cannot be loaded ({one_line(error)}); set NUMBA_CACHE_DIR to a folder "
                "that may be written to"
            ) from error
        finally:
            notice.cancel()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No words of numba, scipy and pymatting about their own affairs: results are checked instead.

    pymatting warns on stdout, too (of its incomplete Cholesky decomposition's second try).
    """
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
