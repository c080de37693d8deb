from affectome.people.face.tracking import LONGEST_ABSENCE, Tracks


def box(x, y=0.0, side=20.0):
    return (float(x), y, side, side)


def test_faces_keep_their_numbers_as_they_move_and_trade_order():
    tracks = Tracks()
    assert tracks.follow([box(0), box(100)]) == [1, 2]
    assert tracks.follow([box(104), box(5)]) == [2, 1]
    assert tracks.follow([box(8), box(200), box(108)]) == [1, 3, 2]


def test_a_face_that_is_away_for_long_is_a_new_one():
    tracks = Tracks()
    tracks.follow([box(0)])
    for _ in range(LONGEST_ABSENCE):
        assert tracks.follow([]) == []
    assert tracks.follow([box(2)]) == [1]
    for _ in range(LONGEST_ABSENCE + 1):
        tracks.follow([])
    assert tracks.follow([box(2)]) == [2]


def test_a_long_film_takes_no_more_than_a_short_one():
    tracks = Tracks()
    for k in range(500):
        tracks.follow([box(50 * k)])
    assert len(tracks._seen) <= LONGEST_ABSENCE + 1
