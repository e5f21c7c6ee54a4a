"""The one door to the model: windows of frames and boxes in, poses out.

Letters: t frames in a window, k joints, h and w heat map grid; frames are (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from glsmamba.acceleration import ACCELERATIONS, Acceleration, Decoder
from glsmamba.activation import CapturedWindow, block_scans
from glsmamba.calibration import Calibration
from glsmamba.checkpoint import load_checkpoint, read_info
from glsmamba.config import ModelConfig
from glsmamba.data.records import Box
from glsmamba.data.skeletons import POSETRACK15, Skeleton, joint_map
from glsmamba.feature_cache import FeatureCache
from glsmamba.heatmaps import Decoding, crop_affine, decode, inverted_affine, rescaled_affine, spreads, transformed, warped_crop
from glsmamba.maps import ActivationMaps, Block, MapKind
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.pixels import normalised
from glsmamba.scan.deform import deform_backend
from glsmamba.scan.refusals import refusals
from glsmamba.scan.selective import BackendReport, backend_report

Precision = Literal["auto", "fp32", "bf16", "fp16"]

#: Memory that one batch may take on the CPU, in bytes.
CPU_BUDGET = 1 << 30
#: Windows at once on a CPU. Each window is enough work for all cores, and tensors of more than two no longer fit in memory that
#: malloc keeps: their pages are fetched from the system anew each time (eight of T at once take half as long again a window).
CPU_BATCH = 2


class Cancelled(Exception):
    """The caller's ``cancelled`` said so; nothing was returned."""


class PredictorError(RuntimeError):
    """The model cannot run as asked, in one sentence: what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class PoseWindow:
    """One person to predict.

    Attributes:
        frames: T frames (H, W, 3) uint8 RGB in time order, the key frame in the middle. Frames beyond a video's ends are the
            first or last frame again. An array object that several windows share is encoded once when their box is the same.
        box: (x, y, width, height) of the person in the key frame, in pixels; all frames are cropped by it.
        numbers: T numbers that tell a video's frames apart, for :meth:`Predictor.predict_frames`; None elsewhere.
    """

    frames: tuple[np.ndarray, ...]
    box: Box
    numbers: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class PosePrediction:
    """The pose of one person in the key frame.

    Attributes:
        keypoints: (15, 2) float64 x, y in frame pixels, in the order of ``POSETRACK15``.
        scores: (15,) float32 heat map peaks, clipped to 0..1.
        heatmaps: (15, h, w) float32, or None.
        crop: (2, 3) float64 affine from frame pixels to heat map cells.
        grid: (h, w) of the heat maps.
        spreads: (15,) float32 standard deviation of each heat map around its joint, in frame pixels; NaN where it is empty.
        probabilities: (15,) float32 calibrated probability that the joint is within 0.2 head sizes of the truth; None where
            the checkpoint was not calibrated.
        disagreements: (15,) float32 distance in frame pixels between the joint in this window and in another one that has the
            frame, too; NaN for joints that are not seen; None where there was no other (see :mod:`glsmamba.streaming`).
    """

    keypoints: np.ndarray
    scores: np.ndarray
    heatmaps: np.ndarray | None
    crop: np.ndarray
    grid: tuple[int, int]
    spreads: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    disagreements: np.ndarray | None = None


class Predictor:
    """A loaded model on a device. Not thread-safe: one thread predicts at a time.

    Attributes:
        flip_test: predict each window a second time in the mirror, and take the mean of both heat maps (as evaluations of pose
            models do): more exact, half as fast. May be changed between calls.

    Example:
        predictor = Predictor.from_checkpoint()
        pose, = predictor.predict([PoseWindow((a, b, key, d, e), (x, y, w, h))])
    """

    def __init__(
        self,
        model: GLSMamba,
        device: str | torch.device = "cpu",
        precision: Precision = "auto",
        threads: int | None = None,
        joints: Sequence[str] = POSETRACK15.joints,
        name: str = "",
        decoding: Decoding = "dark",
        accelerate: Acceleration = "none",
        calibration: Calibration | None = None,
        flip_test: bool = False,
    ):
        self.device = _checked_device(device)
        self.dtype = _checked_precision(precision, self.device)
        self.config: ModelConfig = model.config
        self.model = model.to(self.device).eval()
        self.model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name = name or f"GLSMamba-{model.config.preset}"
        self.decoding: Decoding = decoding
        self.calibration = calibration
        self.flip_test = flip_test
        self._threads = threads
        self._skeleton = Skeleton("model", tuple(joints))  # of the heat maps
        self._joints = joint_map(self._skeleton, POSETRACK15)
        if (self._joints < 0).any():
            missing = [POSETRACK15.joints[i] for i in np.flatnonzero(self._joints < 0)]
            raise PredictorError(f"The model does not predict {', '.join(missing)}; it must know all of {POSETRACK15.name}.")
        if accelerate not in ACCELERATIONS:
            raise PredictorError(f"There is no acceleration {accelerate!r}; choose {', '.join(ACCELERATIONS)}.")
        with self._autocast():
            self._decode = Decoder(self.model, accelerate, self.device)
        self._batch: int | None = None  # what fitted after running out of memory

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path | None = None,
        device: str = "cpu",
        precision: Precision = "auto",
        threads: int | None = None,
        accelerate: Acceleration = "none",
    ) -> Predictor:
        """Load a checkpoint, the shipped ``T`` unless a path is given.

        A file of imported ViTPose weights gives a :class:`glsmamba.baseline.BaselinePredictor`, which predicts frame by frame.

        Args:
            path: a safetensors file written by :func:`glsmamba.checkpoint.save_checkpoint`, or by
                :func:`glsmamba.vitpose.importing.save_vitpose`.
            device: ``cpu`` or ``cuda:n``.
            precision: ``auto`` is float32 on the CPU and 16-bit autocast on CUDA; scans are float32 always.
            threads: CPU threads for the thread that predicts; torch's default when None.
            accelerate: run the blocks through ``torch.compile`` (``compile``) or as a CUDA graph (``cuda-graph``). Tried out at
                once, which takes a while; where it does not work they run as usual and :meth:`backends` says so.

        Raises:
            CheckpointError: the file cannot be used.
            PredictorError: the device or the precision is not there.
        """
        checked = _checked_device(device)  # before the file is read: a wrong device is the cheaper thing to say
        if path is not None and read_info(path).single_frame:
            from glsmamba.baseline import BaselinePredictor

            return BaselinePredictor.from_file(path, checked, precision, threads)
        model, info = load_checkpoint(path)
        return cls(
            model, checked, precision, threads, info.joints, info.name, accelerate=accelerate, calibration=info.calibration
        )  # fmt: skip

    def backends(self) -> dict[str, str]:
        """What runs on what, for people to read: device, precision, kernels and why they were taken.

        ``notice``, where it is there, is one sentence for the user: something is slower than it should be, and why.
        """
        scan = backend_report(self.device)
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        return {
            "device": f"{self.device} ({device})" if self.device.type == "cuda" else device,
            "precision": {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[self.dtype],
            "scan": f"{scan.name} ({scan.reason})",
            "deform": deform_backend(self.device),
            "acceleration": "none" if self._decode.problem else self._decode.kind,
            "threads": str(self._threads or torch.get_num_threads()),
            **({"notice": notice} if (notice := self._notice(scan)) else {}),
        }

    def _notice(self, scan: BackendReport) -> str:
        if failed := refusals(self.device):
            what = " and ".join(f"the {backend} {part} kernel" for part, backend in failed)
            return f"Not used on {self.device}: {what}, which failed the self-test there; see `main.py info --self-test`."
        if self.device.type == "cuda" and scan.name == "torch":
            return f"No CUDA kernel scans here, so predicting is slower: {scan.reason}."
        return self._decode.problem

    def predict(
        self,
        windows: Sequence[PoseWindow],
        *,
        cancelled: Callable[[], bool] | None = None,
        keep_heatmaps: bool = False,
    ) -> list[PosePrediction]:
        """Poses of all windows, in order.

        Args:
            windows: any number; they are batched to the memory at hand. A device that runs out of memory gets half as many.
            cancelled: asked between the model's blocks.
            keep_heatmaps: keep each window's heat maps in the result.

        Raises:
            Cancelled: ``cancelled`` returned true.
            ValueError: a window has the wrong number of frames, frames that are not (H, W, 3) uint8, or a box without area.
            PredictorError: the device has not even memory for one window, or stopped answering.
        """
        key = self.config.key
        found = self._predict(windows, slice(key, key + 1), None, cancelled, keep_heatmaps)
        return [poses[0] for poses in found]

    def predict_frames(
        self,
        windows: Sequence[PoseWindow],
        read: slice,
        features: FeatureCache,
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> list[list[PosePrediction]]:
        """Poses in several frames of each window; what :class:`glsmamba.streaming.Stream` is made of.

        Args:
            windows: with the numbers of their frames.
            read: which frames of each window, (start, stop); many models learnt to answer for the key frame only.
            features: where features are looked for and kept, by the frame's number and the window's box. Of one video and
                one predictor only.
            cancelled: as in :meth:`predict`; what was encoded until then is kept.

        Raises:
            As :meth:`predict`; ``ValueError`` also where a window has no numbers or ``read`` is empty.
        """
        if any(window.numbers is None or len(window.numbers) != len(window.frames) for window in windows):
            raise ValueError("To keep features a window needs the number of each of its frames.")
        if not 0 <= read.start < read.stop <= self.config.frames:
            raise ValueError(f"Frames {read.start} to {read.stop} of a window of {self.config.frames} cannot be read.")
        return self._predict(windows, read, features, cancelled, False)

    def _predict(
        self, windows: Sequence[PoseWindow], read: slice, kept: FeatureCache | None, cancelled: Callable[[], bool] | None,
        keep_heatmaps: bool,
    ) -> list[list[PosePrediction]]:  # fmt: skip
        crops = [self._crop(window) for window in windows]
        self._use_threads()
        between = _asking(cancelled)
        results: list[list[PosePrediction]] = []
        features: dict[_Key, Tensor] = {}  # of frames that this call wants again
        batch = max(1, (self._batch or self._fitting_batch()) // (2 if self.flip_test else 1))
        cleared = False  # what is kept between calls was given up for memory
        while len(results) < len(windows):
            start = len(results)
            chunk = range(start, min(start + batch, len(windows)))
            try:
                maps = self._heatmaps([windows[n] for n in chunk], [crops[n] for n in chunk], read, features, kept, between)
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if _device_lost(error):
                    raise PredictorError(
                        f"{self.device} stopped answering ({_first_line(error)}); restart the program, or go on with the CPU."
                    ) from error
                if not _out_of_memory(error):
                    raise
                if len(chunk) == 1 and (kept is None or cleared):
                    raise PredictorError(
                        f"{self.device} lacks the memory for even one window; close other programs or choose another device."
                    ) from error
                maps = None
            if maps is None:  # outside of the handler, whose traceback would hold on to the tensors
                features.clear()
                if kept is not None:
                    kept.clear()
                    kept.budget //= 2
                    cleared = True
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                batch = max(1, len(chunk) // 2)
                self._batch = batch * (2 if self.flip_test else 1)
                continue
            results += [[self._pose(frame, crops[n], keep_heatmaps) for frame in maps[n - start]] for n in chunk]
            wanted = {key for n in range(len(results), len(windows)) for key in _keys(windows[n])}
            for key in features.keys() - wanted:
                del features[key]
        return results

    def capture(self, window: PoseWindow, *, cancelled: Callable[[], bool] | None = None) -> CapturedWindow:
        """Run the model once and keep what the scans of its blocks were given, to ask for activation maps.

        Args:
            window: the person.
            cancelled: as in :meth:`predict`.
        """
        affine = self._crop(window)
        scans = block_scans(self.model)
        seen: dict[Block, Tensor] = {}

        def keep(block: Block) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            # A copy: the model may use the memory again.
            return lambda _module, args: seen.update({block: args[0].detach().clone()})

        handles = [scan.register_forward_pre_hook(keep(block)) for block, scan in scans.items()]
        self._use_threads()
        try:
            key = slice(self.config.key, self.config.key + 1)
            maps = self._heatmaps([window], [affine], key, {}, None, _asking(cancelled), gradients=True)[0, 0]
        finally:
            for handle in handles:
                handle.remove()
        to_grid = rescaled_affine(affine, self.config.input_size, self.config.grid)
        inputs = {block: (scan, seen[block]) for block, scan in scans.items()}
        return CapturedWindow(inputs, maps[self._joints], to_grid, self.config.key, self._autocast)

    def activation(
        self,
        window: PoseWindow,
        query: tuple[float, float] | int | None = None,
        kind: MapKind | None = None,
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> ActivationMaps:
        """Activation maps of one window; :meth:`capture` once and ask it where there are more questions.

        Args:
            window: the person.
            query: a joint's index (its decoded place is asked about) or (x, y) in pixels of the key frame.
            kind: block, quantity, mode and reduction; the row of the query in the first block by default.
            cancelled: as in :meth:`predict`.

        Raises:
            ValueError: no such joint or block, no query where one is needed, or the point is outside the crop.
        """
        return self.capture(window, cancelled=cancelled).maps(query, kind, _asking(cancelled))

    def _use_threads(self) -> None:
        # OpenMP keeps the number per thread, so it is set in the thread that predicts.
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)

    def _crop(self, window: PoseWindow) -> np.ndarray:
        if len(window.frames) != self.config.frames:
            raise ValueError(f"A window has {len(window.frames)} frames; this model takes {self.config.frames}.")
        for frame in window.frames:
            if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                raise ValueError(f"A frame is {frame.dtype} {frame.shape}; frames must be uint8 (height, width, 3) RGB.")
        return crop_affine(window.box, self.config.input_size)

    def _autocast(self) -> AbstractContextManager[object]:
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(self.device.type, dtype=self.dtype)

    def _heatmaps(
        self,
        windows: Sequence[PoseWindow],
        affines: Sequence[np.ndarray],
        read: slice,
        features: dict[_Key, Tensor],
        kept: FeatureCache | None,
        between: Callable[[], None],
        gradients: bool = False,
    ) -> np.ndarray:
        """(n, t', k, h, w) float32 heat maps of a few windows; ``features`` is given what was encoded, and ``kept``, too.

        Features of a crop are (m, c, h, w): m is 2 where its mirror image is looked at as well. Activation maps are of the
        crop alone.
        """
        views = 2 if self.flip_test and not gradients else 1
        fresh: dict[_Key, np.ndarray] = {}
        for window, affine in zip(windows, affines, strict=True):
            for key, frame in zip(_keys(window), window.frames, strict=True):
                if key not in features and key not in fresh:
                    known = None if kept is None else kept.get(key)
                    if known is not None and len(known) == views:
                        features[key] = known
                    else:
                        fresh[key] = warped_crop(frame, affine, self.config.input_size)
        # Tensors made in inference mode can't take part in gradients, which activation maps of all tokens are made of.
        with torch.no_grad() if gradients else torch.inference_mode(), self._autocast():
            if fresh:
                between()
                seen = [view for crop in fresh.values() for view in (crop, crop[:, ::-1])[:views]]
                crops = torch.from_numpy(np.stack(seen)).to(self.device)
                features.update(zip(fresh, self.model.encode(normalised(crops)).split(views), strict=True))
                if kept is not None:
                    for key in fresh:
                        kept.put(key, features[key])
            clip = torch.cat([torch.stack([features[key] for key in _keys(window)], dim=1) for window in windows])
            # activation maps need the blocks one by one, with their hooks
            maps = self.model.decode_frames(clip, read, between) if gradients else self._decode(clip, read, between)
            if views == 2:
                # Crops and heat maps have their first and last column in the same places, so mirrored cells fall on cells.
                maps = (maps[::2].float() + maps[1::2, :, self._skeleton.flip].flip(-1).float()) / 2
        return maps.float().cpu().numpy()

    def _pose(self, maps: np.ndarray, affine: np.ndarray, keep: bool) -> PosePrediction:
        maps = maps[self._joints]
        to_grid = rescaled_affine(affine, self.config.input_size, self.config.grid)
        places, peaks = decode(maps, self.config.sigma, self.decoding)
        to_frame = inverted_affine(to_grid)
        wide = spreads(maps, places, (to_frame[0, 0], to_frame[1, 1]))  # crops are not turned
        sure = None
        if self.calibration is not None:
            sure = self.calibration.probability(peaks, spreads(maps, places) / self.config.sigma)
        keypoints, scores = transformed(to_frame, places), np.clip(peaks, 0, 1)
        return PosePrediction(keypoints, scores, maps if keep else None, to_grid, self.config.grid, wide, sure)

    def _fitting_batch(self) -> int:
        c = self.config
        scans = c.tokens * c.inner * 2 * max(len(c.paths), 1) * 4 * 3  # step sizes, outputs and their merges
        hidden = c.tokens * round(c.width * c.ffn_ratio) * 4 * 2
        pixels = c.frames * c.input_size[0] * c.input_size[1] * 4 * 100  # the widest encoder layers, generously
        need = scans + hidden + pixels
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            return max(1, int(free * 0.5) // need)
        return max(1, min(CPU_BATCH, CPU_BUDGET // need))


def _asking(cancelled: Callable[[], bool] | None) -> Callable[[], None]:
    """What is called between the model's blocks."""

    def between() -> None:
        if cancelled is not None and cancelled():
            raise Cancelled

    return between


_Key = tuple[int, Box]


def _keys(window: PoseWindow) -> list[_Key]:
    names = [id(frame) for frame in window.frames] if window.numbers is None else window.numbers
    return [(name, window.box) for name in names]


def _out_of_memory(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "allocate memory" in str(error) or "not enough memory" in str(error)


def _device_lost(error: Exception) -> bool:
    """After such an error every further call to the device fails, in this process at least."""
    return isinstance(error, torch.AcceleratorError) or str(error).startswith("CUDA error")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _checked_device(device: str | torch.device) -> torch.device:
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise PredictorError(f"There is no device {device!r}; choose cpu or cuda:0, cuda:1 and so on.") from error
    if wanted.type == "cuda":
        if not torch.cuda.is_available():
            raise PredictorError(f"{wanted} was asked for but no CUDA device is here; choose cpu or install PyTorch for CUDA.")
        if (wanted.index or 0) >= torch.cuda.device_count():
            raise PredictorError(f"{wanted} was asked for but there are {torch.cuda.device_count()}; take another.")
    elif wanted.type != "cpu":
        raise PredictorError(f"GLSMamba runs on cpu and cuda devices, not on {wanted.type}; choose one of them.")
    return wanted


def _checked_precision(precision: Precision, device: torch.device) -> torch.dtype:
    if precision not in ("auto", "fp32", "bf16", "fp16"):
        raise PredictorError(f"There is no precision {precision!r}; choose auto, fp32, bf16 or fp16.")
    if device.type == "cpu":
        if precision in ("bf16", "fp16"):
            raise PredictorError(f"{precision} on a CPU is slower than fp32, not faster; choose fp32 or auto.")
        return torch.float32
    if precision == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
