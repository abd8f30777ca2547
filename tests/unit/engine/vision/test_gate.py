"""The gate: keypoints → view, coverage, keep or refuse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.domain import Person, Pose
from engine.vision.gate import count_people, is_close_up, is_full_shot, judge, view_of

WIDTH, HEIGHT = 200, 400
BOX = (50.0, 20.0, 150.0, 390.0)


def standing(shoulder_spread: float = 50.0) -> NDArray[np.float32]:
    """A person upright in the middle; a positive spread has the left shoulder on the picture's right."""
    half = shoulder_spread / 2
    rows = [
        (100, 40), (103, 36), (97, 36), (107, 40), (93, 40),
        (100 + half, 80), (100 - half, 80), (100 + half, 130), (100 - half, 130), (100 + half, 170), (100 - half, 170),
        (100 + half / 2, 190), (100 - half / 2, 190), (100 + half / 2, 280), (100 - half / 2, 280),
        (100 + half / 2, 370), (100 - half / 2, 370),
    ]  # fmt: skip
    return np.array([(x, y, 0.9) for x, y in rows], np.float32)


@pytest.mark.parametrize(("spread", "view"), [(50.0, "front"), (-50.0, "back")])
def test_order_of_shoulders_tells_front_from_back(spread: float, view: str) -> None:
    """The person's left shoulder lies on the picture's right when seen from the front."""
    assert view_of(standing(spread)) == view


@pytest.mark.parametrize(("nose", "view"), [(80.0, "left"), (120.0, "right")])
def test_close_shoulders_are_a_side_view(nose: float, view: str) -> None:
    """Seen from the side, the nose tells where the person faces."""
    keypoints = standing(10.0)
    keypoints[0, 0] = nose
    assert view_of(keypoints) == view


def test_unseen_shoulders_are_no_view() -> None:
    """Shoulders that the model did not find tell nothing."""
    keypoints = standing()
    keypoints[5:7, 2] = 0.05
    assert view_of(keypoints) == "none"


def test_full_shot_needs_head_knees_and_ankles() -> None:
    """Each part out of the picture, or unseen, makes a partial shot."""
    assert is_full_shot(standing(), WIDTH, HEIGHT)
    for part in (slice(0, 5), slice(13, 15), slice(15, 17)):
        unseen, outside = standing(), standing()
        unseen[part, 2] = 0.1
        outside[part, 1] = HEIGHT + 5
        assert not is_full_shot(unseen, WIDTH, HEIGHT)
        assert not is_full_shot(outside, WIDTH, HEIGHT)


def test_small_bystanders_do_not_count() -> None:
    """A person in the background leaves the main one alone; one of like size does not."""
    main, far, near = Person(BOX, 0.9), Person((0, 100, 20, 200), 0.9), Person((0, 20, 60, 390), 0.9)
    assert count_people([main, far]) == 1
    assert count_people([main, near]) == 2
    assert count_people([]) == 0


@pytest.mark.parametrize(
    ("box", "score", "people"),
    [
        ((55.0, 20.0, 145.0, 200.0), 0.3, 1),  # hips and thighs, seen as one more
        ((55.0, 20.0, 145.0, 200.0), 0.8, 2),  # as sure as the one behind: a child before a parent
        ((120.0, 20.0, 200.0, 390.0), 0.3, 2),  # beside, not inside
    ],
)
def test_a_doubtful_box_inside_a_person_is_the_same_person(
    box: tuple[float, float, float, float], score: float, people: int
) -> None:
    """The segmenter sometimes sees a part of somebody as somebody."""
    assert count_people([Person(BOX, 0.9), Person(box, score)]) == people
    assert count_people([Person(box, score), Person(BOX, 0.9)]) == people


@pytest.mark.parametrize(("score", "close"), [(0.25, False), (0.1, True)])
def test_legs_under_a_long_skirt_are_taken_together(score: float, close: bool) -> None:
    """Each knee and ankle is doubtful under cloth; that there are some is not. Four faint ones are still a detail."""
    keypoints = legs_alone()
    keypoints[13:, 2] = score
    assert is_close_up(keypoints, WIDTH, HEIGHT) == close


@pytest.mark.parametrize(
    ("hips", "legs", "close"),
    [((0.4, 0.25), True, False), ((0.4, 0.1), True, True), ((0.4, 0.25), False, True), ((0.4, 0.35), False, False)],
)
def test_hips_of_legs_are_taken_together_and_those_of_a_trunk_are_not(
    hips: tuple[float, float], legs: bool, close: bool
) -> None:
    """A hand may hide one hip of a pair of legs; a picture of a trunk that shows one hip only is cut above them."""
    keypoints = standing()
    keypoints[11:13, 2] = hips
    if not legs:
        keypoints[13:, 2] = 0.05
    assert is_close_up(keypoints, WIDTH, HEIGHT) == close


@pytest.mark.parametrize(
    ("people", "keypoints", "keep", "says"),
    [
        (1, standing(), True, "Full-shot"),
        (1, standing(-50), False, "back"),
        (1, standing(5), False, "side"),
        (2, standing(), False, "2 people"),
        (0, None, False, "No person"),
    ],
)
def test_judge_gives_verdict_and_reason(
    people: int, keypoints: NDArray[np.float32] | None, keep: bool, says: str
) -> None:
    """Kept only when full-shot, front-facing and alone; every refusal says why."""
    pose = None if keypoints is None else Pose(keypoints, BOX)
    report = judge([Person(BOX, 0.9)] * people, pose, WIDTH, HEIGHT)
    assert (report.keep, report.people) == (keep, people)
    assert says in report.reason


def test_cropped_person_is_refused_as_cut_off() -> None:
    """Ankles below the picture's edge."""
    keypoints = standing()
    keypoints[:, 1] += 60
    report = judge([Person(BOX, 0.9)], Pose(keypoints, BOX), WIDTH, HEIGHT)
    assert (report.full_shot, report.keep) == (False, False)
    assert "cut off" in report.reason


def legs_alone() -> NDArray[np.float32]:
    """A shop's picture of trousers: nothing above the hips is in it."""
    keypoints = standing()
    keypoints[:, 1] -= 150
    keypoints[:11, 2] = 0.05
    return keypoints


@pytest.mark.parametrize(
    ("facing", "view"), [((0.9, 0.05, 0.03, 0.02), "front"), ((0.05, 0.9, 0.03, 0.02), "back"), (None, "none")]
)
def test_legs_alone_are_read_by_the_network_s_word(facing: tuple[float, ...] | None, view: str) -> None:
    """There are no shoulders to tell by; a model of keypoints alone cannot say."""
    assert view_of(legs_alone(), facing) == view


def test_the_network_s_sure_word_overrules_the_order_of_the_shoulders() -> None:
    """A back whose shoulders were found in the wrong order is a back; an undecided word leaves it to the shoulders."""
    assert view_of(standing(), (0.02, 0.96, 0.01, 0.01)) == "back"
    assert view_of(standing(), (0.5, 0.48, 0.01, 0.01)) == "front"
    assert view_of(standing(-50), (0.5, 0.48, 0.01, 0.01)) == "back"


def test_a_side_view_by_the_network_s_word() -> None:
    """Where the person looks is told by the nose."""
    keypoints = standing(40.0)
    keypoints[0, 0] = 80
    assert view_of(keypoints, (0.2, 0.1, 0.7, 0.0)) == "left"


@pytest.mark.parametrize(
    ("hidden", "close"),
    [
        ((), False),
        ((13, 14, 15, 16), False),  # head to hips: a shop's picture of a shirt
        ((*range(11),), False),  # hips to feet: trousers
        ((*range(5), 13, 14, 15, 16), False),  # neck to hips
        ((11, 12, 13, 14, 15, 16), True),  # a bust
        ((*range(11), 13, 14, 15, 16), True),  # a waistband
        ((*range(13),), True),  # shoes
    ],
)
def test_a_close_up_shows_neither_trunk_nor_legs(hidden: tuple[int, ...], close: bool) -> None:
    """Shoulders with hips, or hips with knees or ankles, make a picture of a garment; less is a detail."""
    keypoints = standing()
    keypoints[list(hidden), 2] = 0.05
    assert is_close_up(keypoints, WIDTH, HEIGHT) == close


def test_a_close_up_has_no_view_and_is_refused_as_such() -> None:
    """Whatever the shoulders say."""
    keypoints = standing()
    keypoints[11:, 2] = 0.05
    report = judge([Person(BOX, 0.9)], Pose(keypoints, BOX), WIDTH, HEIGHT)
    assert (report.view, report.keep) == ("none", False)
    assert "close-up" in report.reason


def test_nobody_where_the_network_says_that_there_is_nobody() -> None:
    """A lamp post that the segmenter took for a person."""
    pose = Pose(standing(), BOX, (0.1, 0.05, 0.05, 0.8))
    report = judge([Person(BOX, 0.9)], pose, WIDTH, HEIGHT)
    assert (report.people, report.view, report.keep, report.reason) == (0, "none", False, "No person in the picture.")


@pytest.mark.parametrize(
    ("facing", "people"),
    [((0.8, 0.1, 0.05, 0.05), 1), ((0.3, 0.1, 0.1, 0.5), 0), (None, 0)],
)
def test_legs_that_the_segmenter_missed_are_a_person_if_the_pose_model_is_sure(
    facing: tuple[float, float, float, float] | None, people: int
) -> None:
    """A model of keypoints alone finds keypoints in anything, so its word does not count."""
    report = judge([], Pose(legs_alone(), BOX, facing), WIDTH, HEIGHT)
    assert report.people == people
    assert report.view == ("front" if people else "none")


def test_a_close_up_that_the_segmenter_missed_stays_without_a_person() -> None:
    """A sleeve is no person, whatever it faces."""
    keypoints = standing()
    keypoints[11:, 2] = 0.05
    assert judge([], Pose(keypoints, BOX, (0.9, 0.05, 0.03, 0.02)), WIDTH, HEIGHT).people == 0
