"""What the canvas says in words: names of joints, states, labels of people."""

from __future__ import annotations

import math

from app.labels.pose import Pose, Provenance, Visibility
from app.ui.canvas.scene import ShownPerson
from glsmamba.data.skeletons import Skeleton, joint_words

PROVENANCE_WORDS = {
    Provenance.MODEL: "predicted", Provenance.HUMAN: "by hand", Provenance.INTERPOLATED: "interpolated",
    Provenance.IMPORTED: "imported", Provenance.REFINED: "refined by the model",
    Provenance.ESTIMATED: "estimated from other joints",
}  # fmt: skip
#: Letters of a person's name on the picture; the panels show more of it.
LONGEST_NAME = 24
VISIBILITY_WORDS = {Visibility.ABSENT: "absent", Visibility.OCCLUDED: "occluded", Visibility.VISIBLE: "visible"}


#: What a model says a joint's probability is where its checkpoint holds no calibration.
NOT_CALIBRATED = "not calibrated"
_OF_MODEL = (Provenance.MODEL, Provenance.REFINED, Provenance.ESTIMATED)


def score_words(score: float) -> str:
    """ ".94", and "1.0" for certainty."""
    return "1.0" if score >= 0.995 else f"{score:.2f}"[1:]


def probability_words(pose: Pose, joint: int) -> str:
    """The calibrated probability of a model's joint, or "not calibrated"; "" where the joint is not the model's."""
    if pose.provenance[joint] not in _OF_MODEL:
        return ""
    told = float(pose.probability[joint])
    return NOT_CALIBRATED if math.isnan(told) else score_words(told)


def spread_words(pose: Pose, joint: int) -> str:
    """Spread of the joint's heat map in pixels of the frame; "" where there is none."""
    wide = float(pose.spread[joint])
    return "" if math.isnan(wide) else f"{wide:.1f}"


def doubt_words(pose: Pose, joint: int) -> str:
    """All that the model says of its own doubt: "probability .62, spread 4.1 px", "score .71, not calibrated"."""
    told, wide = probability_words(pose, joint), spread_words(pose, joint)
    if not told:
        return ""
    first = f"score {score_words(float(pose.scores[joint]))}, {told}" if told == NOT_CALIBRATED else f"probability {told}"
    return f"{first}, spread {wide} px" if wide else first


def windows_words(pose: Pose, joint: int) -> str:
    """How far apart two windows have the model's joint; "" where only one was asked."""
    apart = float(pose.disagreement[joint])
    return "" if math.isnan(apart) else f"two windows have it {apart:.1f} px apart"


def short_label(person: ShownPerson, becomes: str | None = None) -> str:
    """The label where there is no room: the number, and who they are proposed to be, see :func:`person_label`."""
    return str(person.number) if becomes is None else f"{person.number} → {_cut(becomes) or 'left out'}"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def joint_lines(person: ShownPerson, joint: int, skeleton: Skeleton, name: str) -> tuple[str, str]:
    """Two lines that announce a joint: its name and how sure the model is of it, then its state and whose it is."""
    pose = person.pose
    provenance, visibility = Provenance(int(pose.provenance[joint])), Visibility(int(pose.visibility[joint]))
    sure = doubt_words(pose, joint)
    if not sure and provenance not in (Provenance.HUMAN, Provenance.NONE):
        sure = score_words(float(pose.scores[joint]))
    state = [PROVENANCE_WORDS.get(provenance, "")]
    if pose.accepted and provenance != Provenance.HUMAN:
        state.append("accepted")
    state.append(VISIBILITY_WORDS[visibility])
    if not person.drawn[joint] and visibility != Visibility.ABSENT:
        state.append("below the threshold")
    state.append(f"{person.number} · {name}")
    return "  ".join(filter(None, (joint_words(skeleton.joints[joint]), sure))), " · ".join(part for part in state if part)


def person_label(person: ShownPerson, name: str, becomes: str | None = None) -> str:
    """The label over a person: number in the frame, name, cut where it is long, and score until a human accepted it.

    ``becomes``: who they are proposed to be, "" where their pose would be left out.
    """
    name = _cut(name)
    if becomes is not None:
        return f"{person.number} · {name} → {_cut(becomes) or 'left out'}"
    if person.pose.accepted:
        return f"✓ {person.number} · {name}"
    return f"{person.number} · {name}  {score_words(person.pose.score)}"
