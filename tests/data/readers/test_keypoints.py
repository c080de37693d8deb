import json

import numpy as np
import pytest

from affectome.data.readers.keypoints import read_keypoints
from affectome.errors import InputError

POINTS = [[1.0, 2.0, 0.9], [3.0, 4.0, 0.0]]
FLAT = [number for point in POINTS for number in point]


def test_openpose_has_a_file_a_frame(tmp_path):
    for frame, n in enumerate([1, 0, 2]):
        content = {"version": 1.3, "people": [{"pose_keypoints_2d": FLAT}] * n}
        (tmp_path / f"film_{frame:012}_keypoints.json").write_text(json.dumps(content))
    found = read_keypoints(tmp_path)
    assert [len(frame) for frame in found] == [1, 0, 2]
    np.testing.assert_array_equal(found[2][1], POINTS)


@pytest.mark.parametrize("whole", [True, False])
def test_coco_has_an_entry_a_person(tmp_path, whole):
    entries = [
        {"image_id": 7, "keypoints": FLAT},
        {"image_id": 3, "keypoints": FLAT, "score": 0.4},
        {"image_id": 7, "keypoints": FLAT},
        {"image_id": 7, "bbox": [0, 0, 1, 1]},
    ]
    file = tmp_path / "pose.json"
    file.write_text(json.dumps({"annotations": entries} if whole else entries))
    found = read_keypoints(file)
    assert [len(frame) for frame in found] == [1, 2]
    np.testing.assert_array_equal(found[0][0], POINTS)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "holds no key points of OpenPose or COCO"),
        ("[]", "names no key points"),
        ('[{"image_id": 1, "keypoints": [1, 2]}]', "cannot reshape"),
        ('{"people": []}', "holds no key points"),
    ],
)
def test_other_files_are_refused(tmp_path, content, why):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(InputError, match=why):
        read_keypoints(tmp_path / "a.json")


def test_a_folder_without_frames(tmp_path):
    with pytest.raises(InputError, match=r"no file in it ends in _keypoints\.json"):
        read_keypoints(tmp_path)
