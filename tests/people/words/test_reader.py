import json
import random
import string
import time
import tracemalloc

import numpy as np
import pytest

from affectome.errors import InputError
from affectome.people.words.reader import MOST_CHARACTERS, WordsReader, read_text


@pytest.fixture(scope="module")
def words():
    return WordsReader()


def one(words, text):
    return next(iter(words.read([text])))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thank you so much for your help!", "gratitude"),
        ("I love you with all my heart", "love"),
        ("This is so funny, I can't stop laughing", "amusement"),
        ("I am so angry at them right now", "anger"),
        ("I'm sorry, I should not have said that", "remorse"),
        ("What do you mean? I don't understand", "confusion"),
        ("I was terrified when the dog ran at me", "fear"),
        ("The table is made of wood.", "neutral"),
    ],
)
def test_plain_cases(words, text, label):
    reading = one(words, text)
    assert reading.labels[0] == label
    assert label in reading.set
    assert not reading.abstains


def test_negation_is_heard(words):
    happy, unhappy = one(words, "I am happy"), one(words, "I am not happy")
    assert unhappy.emotions["joy"] < happy.emotions["joy"] / 3
    assert unhappy.valence.value < happy.valence.value - 0.3
    assert "joy" not in one(words, "Not happy.").labels


def test_no_problem_is_no_trouble(words):
    reading = one(words, "No problem!")
    bad = {"anger", "annoyance", "disappointment", "disapproval", "sadness", "fear", "disgust"}
    assert not bad & set(reading.labels)
    assert reading.valence.value >= 2.9


def test_denied_anger_is_not_the_anger(words):
    reading = one(words, "I'm not angry, I'm disappointed")
    assert reading.emotions["disappointment"] > reading.emotions["anger"]
    assert reading.labels[0] == "disappointment"


def test_pictographs_count_beside_words(words):
    plain, laughing = one(words, "look at this"), one(words, "look at this 😂")
    crying = one(words, "look at this 😭")
    assert laughing.emotions["amusement"] > 2 * plain.emotions["amusement"]
    assert crying.emotions["sadness"] > 2 * plain.emotions["sadness"]


def test_sarcasm_is_named_as_a_failure(words):
    assert any("sarcasm" in failure for failure in words.card.failures)


def test_a_text_reads_the_same_alone_and_among_others(words):
    texts = ["I love it", "why would anybody do that to a poor little dog?", "ok", "", "great job"]
    together = list(words.read(texts * 9))
    alone = [one(words, text) for text in texts]
    for k, reading in enumerate(together):
        other = alone[k % len(texts)]
        assert reading.labels == other.labels
        for label, p in reading.emotions.items():
            assert p == pytest.approx(other.emotions[label], abs=1e-4)


def test_few_texts_say_what_they_rest_on_and_many_do_not(words):
    assert [word for word, _ in one(words, "thanks a lot").attribution] == ["thanks", "a", "lot"]
    assert not any(reading.attribution for reading in words.read(["thanks a lot"] * 21))


DELETABLE = [
    "Thank you for the quick answer to my question yesterday",
    "We went to the lake and I was so happy there",
    "My neighbour was furious about the noise from our kitchen",
    "I miss my grandmother so much these days in the house",
    "It is disgusting how they left the room after the party",
    "Sorry that I forgot to call you after work on Monday",
    "The clown in the second act was hilarious to all of us",
    "I am scared of the exam that we have next week",
    "Congratulations on the new job at the library in town",
    "What a surprise to meet you here in the middle of winter",
]


def test_leaving_out_the_words_that_count_changes_more_than_leaving_out_others(words):
    rng = random.Random(0)
    chosen, others = [], []
    for text in DELETABLE:
        reading = one(words, text)
        label, tokens = reading.attributed_to, text.split()
        order = sorted(range(len(tokens)), key=lambda i: -reading.attribution[i][1])
        drop = set(order[:2])
        rest = set(rng.sample(order[2:], 2))
        for gone, kept in ((drop, chosen), (rest, others)):
            left = " ".join(word for i, word in enumerate(tokens) if i not in gone)
            kept.append(reading.emotions[label] - one(words, left).emotions[label])
    assert np.mean(chosen) > np.mean(others) + 0.2
    assert sum(a > b for a, b in zip(chosen, others, strict=True)) >= 8


def test_a_long_text_has_a_timeline(words):
    text = ("The room was empty and the table was made of wood. " * 5) + (
        "I love you so much, thank you for everything! " * 5
    )
    reading = one(words, text)
    assert len(reading.parts) == 10
    begin, end = reading.parts[0].span
    assert text[begin:end] == "The room was empty and the table was made of wood."
    assert reading.parts[0].labels == ("neutral",)
    assert "love" in reading.parts[-1].labels
    assert "neutral" in reading.emotions
    assert "sentences" in reading.notes[0]
    assert reading.set == ()
    assert len(reading.to_frame()) == 10


def test_nothing_of_a_text_is_cut_off_before_it_is_read(words):
    text = "they told us that the committee had considered everybody's suggestions and then "
    reading = one(words, text * 5 + "I love you all so much, thank you!")
    spans = [part.span for part in reading.parts]
    assert spans[-1][1] == len(text * 5) + 34
    assert all(len(words._pieces([text[a:b]])[0]) < 64 for a, b in spans)
    assert {"love", "gratitude"} & set(reading.parts[-1].labels)


WORDLESS = {
    "digits": lambda rng: " ".join(str(rng.randrange(10**6)) for _ in range(5)),
    "marks": lambda rng: "".join(rng.choice("!?.,;:-_#*()") for _ in range(12)),
    "pictographs": lambda rng: "".join(rng.choice("😀😭👍🔥🎉💀🐶") for _ in range(4)),
    "letters": lambda rng: " ".join(
        "".join(rng.choice("bcdfghjklmnpqrstvwxz") for _ in range(7)) for _ in range(4)
    ),
    "markup": lambda rng: f"<div class='{rng.choice('abc')}'><br/><img src='{rng.random()}'></div>",
    "links": lambda rng: f"https://example.org/{rng.randrange(999)}/happy?sad={rng.random()}",
    "blanks": lambda rng: "".join(rng.choice(" \t\n\r") for _ in range(9)),
    "control characters": lambda rng: "".join(chr(rng.randrange(1, 9)) for _ in range(20)),
    "bytes": lambda rng: "".join(chr(rng.randrange(128, 256)) for _ in range(30)),
    "tokens": lambda rng: "".join(
        rng.choice(string.ascii_letters + string.digits) for _ in range(40)
    ),
}


def test_of_200_texts_without_words_19_of_20_are_not_read(words):
    rng = random.Random(0)
    texts = [make(rng) for make in WORDLESS.values() for _ in range(20)]
    readings = list(words.read(texts))
    assert len(readings) == 200
    assert sum(reading.abstains for reading in readings) >= 190
    assert all(reading.because for reading in readings if reading.abstains)


def test_ten_megabytes_in_one_line_are_cut_and_said(words, monkeypatch):
    monkeypatch.setattr("affectome.people.words.reader.MOST_CHARACTERS", 4000)
    text = "I was so happy that day and " * 360_000
    tracemalloc.start()
    begun = time.process_time()
    reading = one(words, text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - begun < 20
    assert peak < 100e6
    assert "10,080,000 characters, of which the first 4,000 were read" in reading.notes
    assert MOST_CHARACTERS > 4000


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"\xef\xbb\xbfhello", "hello"),
        (b"caf\xe9 \x93ok\x94", "café “ok”"),
        ("hello".encode("utf-16"), "hello"),
        (b"", ""),
    ],
)
def test_encodings(tmp_path, raw, text):
    file = tmp_path / "t.txt"
    file.write_bytes(raw)
    assert read_text(file) == text


def test_bytes_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "t.txt"
    file.write_bytes(bytes(range(256)) + b"\x00" * 50)
    with pytest.raises(InputError, match=r"t\.txt is not text: it holds null bytes"):
        read_text(file)


def test_a_file_is_one_reading_with_its_name(words, tmp_path):
    file = tmp_path / "note.txt"
    file.write_text("Thank you all, this was great fun!\n")
    (reading,) = words.read_file(file, person="p7")
    assert (reading.file, reading.person) == (str(file), "p7")
    assert reading.model == "words"
    assert "CC BY-SA" in reading.licence
    json.loads(reading.to_json())


def test_nothing_gives_nothing(words):
    assert list(words.read([])) == []


def test_a_folder_without_a_model_says_so(tmp_path):
    with pytest.raises(InputError, match=r"holds no model: there is no card\.json"):
        WordsReader(tmp_path)
