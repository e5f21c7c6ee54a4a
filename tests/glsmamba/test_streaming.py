"""Streaming: what consecutive windows share is the same as if it were not shared, within its budget, whatever the order."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import TINY, AverageEncoder, awake, small_model

from glsmamba.data.video_errors import VideoError
from glsmamba.feature_cache import FeatureCache
from glsmamba.heatmaps import ENLARGE, crop_affine, warped_crop
from glsmamba.held_crops import HeldCrops
from glsmamba.modeling.model import GLSMamba
from glsmamba.modeling.pixels import normalised
from glsmamba.predictor import Cancelled, PosePrediction, PoseWindow, Predictor, PredictorError
from glsmamba.stream_settings import StreamSettings
from glsmamba.streaming import Stream

N = 14
FRAMES = list(np.random.default_rng(7).integers(0, 256, (N, 120, 160, 3), dtype=np.uint8))
BOX = (40.0, 20.0, 50.0, 80.0)
KEY_ONLY = StreamSettings(tolerance=0)


class Video:
    """A short video; frames in ``damaged`` cannot be decoded."""

    def __init__(self, damaged: tuple[int, ...] = ()) -> None:
        self.damaged = damaged

    def __len__(self) -> int:
        return N

    def numbered_window(
        self, key: int, length: int, backward: bool = False
    ) -> tuple[tuple[int, ...], tuple[np.ndarray, ...]]:
        if key in self.damaged:
            raise VideoError(f"Frame {key} cannot be decoded.")
        numbers = []
        for n in (min(max(key + d, 0), N - 1) for d in range(-(length // 2), length // 2 + 1)):
            numbers.append(key if n in self.damaged else n)
        return tuple(numbers), tuple(FRAMES[n] for n in numbers)


def own(predictor: Predictor, frame: int, box: tuple[float, ...] = BOX) -> PosePrediction:
    """Window by window."""
    return predictor.predict([PoseWindow(Video().numbered_window(frame, 5)[1], box)])[0]  # type: ignore[arg-type]


def same(a: PosePrediction, b: PosePrediction) -> bool:
    return np.abs(a.keypoints - b.keypoints).max() < 1e-2 and np.abs(a.scores - b.scores).max() < 1e-4


def counted(model: GLSMamba) -> list[int]:
    """Crops that the encoder was given, call by call."""
    seen: list[int] = []
    model.encoder.register_forward_pre_hook(lambda _module, args: seen.append(len(args[0])))
    return seen


@cache
def shared() -> tuple[Predictor, list[PosePrediction]]:
    """A predictor, and what it says of each frame window by window."""
    predictor = Predictor(small_model())
    return predictor, [own(predictor, f) for f in range(N)]


@pytest.fixture
def predictor() -> Predictor:
    return shared()[0]


def test_window_by_window_is_what_the_layers_say_bit_for_bit(predictor: Predictor) -> None:
    model, c = predictor.model, predictor.config
    affine = crop_affine(BOX, c.input_size)
    with torch.inference_mode():
        crops = normalised(torch.from_numpy(np.stack([warped_crop(frame, affine, c.input_size) for frame in FRAMES[:5]])))
        x = model.embed(model.encode(crops)[None])
        first, second, last = *model.gsm, *model.lrm
        expected = model.head(last(second(first(x)), slice(2, 3))[:, 0])[0].numpy()
    (pose,) = predictor.predict([PoseWindow(tuple(FRAMES[:5]), BOX)], keep_heatmaps=True)
    assert pose.heatmaps is not None and np.array_equal(pose.heatmaps, expected[predictor._joints])


def test_along_one_box_every_frame_is_encoded_once_and_poses_are_those_of_windows() -> None:
    expected = shared()[1]
    model = small_model()
    seen = counted(model)
    stream = Stream(Predictor(model), Video(), KEY_ONLY)
    poses = [stream.predict(f, [BOX])[0] for f in range(N)]
    assert sum(seen) == N
    assert all(same(a, b) for a, b in zip(poses, expected, strict=True))


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, N - 1), st.booleans()), min_size=1, max_size=12), st.integers(0, 9))
def test_jumps_and_scrubbing_change_nothing_and_the_budget_is_kept(visits: list[tuple[int, bool]], crops: int) -> None:
    predictor, expected = shared()
    size = 64 * 16 * 12 * 4
    stream = Stream(predictor, Video(), StreamSettings(tolerance=0, budget=crops * size + 1))
    for frame, backward in visits:
        (pose,) = stream.predict(frame, [BOX], backward=backward)
        assert same(pose, expected[frame])
        assert stream.features.nbytes == len(stream.features) * size <= stream.features.budget


def test_people_of_a_frame_are_encoded_together_and_kept_apart(predictor: Predictor) -> None:
    model = small_model()
    predictor = Predictor(model)
    other = (90.0, 30.0, 40.0, 70.0)
    seen = counted(model)
    stream = Stream(predictor, Video(), KEY_ONLY)
    both = [stream.predict(f, [BOX, other] if f % 2 else [other, BOX]) for f in (4, 5)]
    assert seen == [10, 2]
    assert same(both[0][1], own(predictor, 4)) and same(both[1][0], own(predictor, 5))
    assert same(both[0][0], own(predictor, 4, other)) and same(both[1][1], own(predictor, 5, other))


def blind_to_time() -> Predictor:
    """Blocks that are the identity: each frame's tokens, and so what the head reads, depend on that frame alone."""
    torch.manual_seed(0)
    model = GLSMamba(TINY, encoder=AverageEncoder(64))
    with torch.no_grad():
        model.embed.temporal.zero_()
        model.head.weight.normal_(std=0.1)
    return Predictor(model)


@pytest.mark.parametrize("backward", [False, True])
def test_frames_are_read_from_neighbours_windows_where_that_is_the_same(backward: bool) -> None:
    predictor = blind_to_time()
    expected = [own(predictor, f) for f in range(N)]
    windows: list[int] = []
    predict_frames = predictor.predict_frames
    predictor.predict_frames = lambda w, *a, **k: windows.append(len(w)) or predict_frames(w, *a, **k)  # type: ignore
    stream = Stream(predictor, Video())
    order = range(N - 1, -1, -1) if backward else range(N)
    poses = {f: stream.predict(f, [BOX], backward=backward)[0] for f in order}
    assert stream.reach == 1  # not the outermost frames: those tell how far windows agree
    assert all(same(poses[f], expected[f]) for f in range(N))
    assert sum(windows) == 9 + 2  # three people's trials, three windows each; the last five frames of two
    twice = {f for f in range(N) if poses[f].disagreements is not None}
    assert twice == {1 if backward else 12}  # the second of those windows reads its first frame, the first its last
    assert all(np.nanmax(poses[f].disagreements, initial=0) < 1e-2 for f in twice)


def test_a_frame_that_two_windows_read_says_how_far_they_disagree() -> None:
    predictor = blind_to_time()
    stream = Stream(predictor, Video())
    for f in range(9):
        stream.predict(f, [BOX])
    predict_frames = predictor.predict_frames

    def moved(windows, read, *rest, **more):  # type: ignore[no-untyped-def]
        """Whatever is read two frames off the key frame lies seven pixels away."""
        found = predict_frames(windows, read, *rest, **more)
        for poses in found:
            if read.stop == 5:
                poses[-1] = replace(poses[-1], keypoints=poses[-1].keypoints + np.array([0.0, 7.0]))
        return found

    predictor.predict_frames = moved  # type: ignore[method-assign]
    poses = {f: stream.predict(f, [BOX])[0] for f in range(9, N)}
    assert [f for f, pose in poses.items() if pose.disagreements is not None] == [12]
    assert same(poses[12], own(blind_to_time(), 12))  # what is shown is the nearer reading
    apart, seen = poses[12].disagreements, poses[12].scores >= 0.2
    assert apart is not None and seen.any() and np.allclose(apart[seen], 7, atol=0.02) and np.isnan(apart[~seen]).all()


def test_a_model_that_needs_the_middle_of_its_window_is_read_there_only() -> None:
    torch.manual_seed(0)
    model = awake(GLSMamba(TINY, encoder=AverageEncoder(64)))
    with torch.no_grad():
        model.embed.temporal.normal_(std=2.0)
        model.head.bias.fill_(0.5)
    predictor = Predictor(model)
    stream = Stream(predictor, Video())
    poses = [stream.predict(f, [BOX])[0] for f in range(N)]
    assert stream.reach == 0
    assert all(same(pose, own(predictor, f)) for f, pose in enumerate(poses))


def test_damaged_frames_are_stood_in_for_as_in_windows_of_their_own() -> None:
    predictor = blind_to_time()
    video = Video(damaged=(10, 11))
    stream = Stream(predictor, video)
    for f in range(N):
        if f in video.damaged:
            with pytest.raises(VideoError):
                stream.predict(f, [BOX])
        else:
            assert same(stream.predict(f, [BOX])[0], own(predictor, f)), f


class Limited(AverageEncoder):
    """Fails after a number of crops."""

    def __init__(self) -> None:
        super().__init__(64)
        self.left = 10_000
        self.error: Exception = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.left -= len(x)
        if self.left < 0:
            self.left = 10_000
            raise self.error
        return super().forward(x)


def test_short_memory_lets_go_of_what_is_kept_and_a_lost_device_is_one_sentence() -> None:
    torch.manual_seed(0)
    encoder = Limited()
    predictor = Predictor(awake(GLSMamba(TINY, encoder=encoder)))
    stream = Stream(predictor, Video(), KEY_ONLY)
    stream.predict(4, [BOX])
    budget, encoder.left = stream.features.budget, 0
    (pose,) = stream.predict(5, [BOX])
    assert same(pose, own(predictor, 5)) and stream.features.budget == budget // 2
    encoder.left, encoder.error = 0, RuntimeError("CUDA error: an illegal memory access was encountered\nAnd more.")
    with pytest.raises(PredictorError, match=r"stopped answering \(CUDA error: an illegal memory access"):
        stream.predict(6, [BOX])


def test_a_cancelled_frame_goes_on_with_what_was_encoded() -> None:
    model = small_model()
    seen = counted(model)
    stream = Stream(Predictor(model), Video(), KEY_ONLY)
    asked: list[int] = []
    with pytest.raises(Cancelled):
        stream.predict(4, [BOX], cancelled=lambda: asked.append(1) or len(asked) > 2)  # type: ignore[func-returns-value]
    assert same(stream.predict(4, [BOX])[0], own(Predictor(small_model()), 4)) and sum(seen) == 5


def test_windows_without_numbers_share_nothing(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="number of each"):
        predictor.predict_frames([PoseWindow(tuple(FRAMES[:5]), BOX)], slice(2, 3), FeatureCache(1))
    with pytest.raises(ValueError, match="cannot be read"):
        predictor.predict_frames([PoseWindow(tuple(FRAMES[:5]), BOX, tuple(range(5)))], slice(3, 6), FeatureCache(1))


boxes = st.tuples(*[st.floats(-50, 400)] * 2, *[st.floats(5, 300)] * 2)


@settings(deadline=None)
@given(st.lists(boxes, min_size=1, max_size=12), st.floats(0, 0.099), st.booleans())
def test_a_held_crop_always_shows_the_whole_box(
    path: list[tuple[float, float, float, float]], margin: float, answered: bool
) -> None:
    held = HeldCrops((256, 192), margin, memory=5)
    for frame, box in enumerate(path):
        (x, y, w, h), (u, v, s, t) = held.boxes_for(frame, [box], held.boxes if answered else ())[0], box
        tall = max(h, w * 256 / 192)
        wide = tall * 192 / 256
        left, top = x + w / 2 - wide * ENLARGE / 2, y + h / 2 - tall * ENLARGE / 2
        slack = 1e-6 * (1 + tall)
        assert left - slack <= u and u + s <= left + wide * ENLARGE + slack
        assert top - slack <= v and v + t <= top + tall * ENLARGE + slack


def test_crops_are_held_within_the_margin_and_derived_anew_beyond_it() -> None:
    held = HeldCrops((256, 192), 0.08, memory=5)
    first = (100.0, 50.0, 60.0, 160.0)  # its crop is 150 x 200
    assert held.boxes_for(0, [first]) == [first]
    assert held.boxes_for(1, [(111.0, 50.0, 60.0, 160.0)]) == [first]
    moved = (113.0, 50.0, 60.0, 160.0)
    assert held.boxes_for(2, [moved], answered=[first]) == [first]
    assert held.boxes_for(2, [(116.0, 50.0, 60.0, 160.0)], answered=[first]) != [first]
    assert held.boxes_for(2, [moved]) == [moved]
    grown = (113.0, 34.0, 60.0, 192.0)
    assert held.boxes_for(3, [grown]) == [grown]
    # Two people in one place: each has a crop, also when they are asked for one after the other.
    near = (114.0, 35.0, 60.0, 192.0)
    assert held.boxes_for(4, [near, grown]) == [near, grown]
    assert held.boxes_for(4, [grown]) == [grown] and held.boxes_for(4, [near]) == [near]
    assert held.boxes_for(99, [near]) == [near] and held.boxes == [near]
    with pytest.raises(ValueError, match="must be at least 0 and below"):
        HeldCrops((256, 192), 0.1, memory=5)
    with pytest.raises(ValueError, match="no area"):
        held.boxes_for(1, [(0, 0, 0, 9)])


def test_the_flip_test_streams_and_what_was_kept_without_it_is_not_taken_for_it() -> None:
    predictor = Predictor(small_model())
    stream = Stream(predictor, Video(), KEY_ONLY)
    plain = stream.predict(3, [BOX])[0]
    predictor.flip_test = True
    expected = own(predictor, 4)
    assert same(stream.predict(4, [BOX])[0], expected) and not same(plain, own(predictor, 3))
    assert same(Stream(predictor, Video(), KEY_ONLY).predict(4, [BOX])[0], expected)
    assert same(stream.predict(5, [BOX])[0], own(predictor, 5))
