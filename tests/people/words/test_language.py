import pytest

from affectome.people.words.language import nothing_to_read, without_markup, words_of

WORDS = (
    "the cat sat happy sad today you house garden red dog beautiful weather train late problem "
    "movie boring awful angry not really great thank thanks people say good bad day"
)
VOCABULARY = frozenset(WORDS.split())
FOREIGN = [
    "Ich bin heute so traurig, weil du nicht da bist.",
    "Das ist ein sehr schöner Tag und ich freue mich.",
    "Je suis très content de vous voir aujourd'hui.",
    "Il ne veut pas venir avec nous, c'est triste.",
    "Estoy muy enojado contigo porque no viniste.",
    "Qué alegría, mi hermana está en casa.",
    "Sono molto felice di essere qui con te.",
    "Estou muito triste porque você não veio.",
    "Ik ben heel erg blij dat je er bent.",
    "Jag är så glad att du är här med mig.",
    "Jeg er meget ked af det, og det er ikke godt.",
    "Jestem bardzo smutny, bo nie ma cię tu.",
    "Bugün çok mutluyum ama yorgunum.",
    "Minä olen hyvin surullinen tänään.",
    "Saya sangat senang hari ini dengan kamu.",
    "Sunt foarte supărat pentru că nu ai venit.",
    "Nagyon boldog vagyok, hogy itt vagy.",
    "Я очень рад тебя видеть сегодня",
    "今日はとても嬉しいです",
    "我今天很难过",
    "Είμαι πολύ χαρούμενος σήμερα",
    "أنا سعيد جدا اليوم",
    "मैं आज बहुत खुश हूँ",
    "오늘 정말 행복해요",
]
ENGLISH = [
    "Not happy.",
    "no problem",
    "WTF is this",
    "I love this so much!!",
    "sooooo good",
    "Thank you, die was a bad word 😀",
    "That’s awful",
    "I had a déjà vu, it was really great",
    "<p>The cat is <b>sad</b> &amp; angry</p>",
    "Congrats!!",
    "Hahaha",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_other_languages_are_told(text):
    reason = nothing_to_read(text, VOCABULARY)
    assert reason is not None
    assert "English" in reason or "known" in reason


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_read(text):
    assert nothing_to_read(text, VOCABULARY) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no text"),
        (" \n\t ", "no text"),
        ("\x00\x01\x02abc", "control characters"),
        ("12:30, 45 %", "no words"),
        ("?!?!", "no words"),
        ("😭😭", "pictographs"),
        ("<div><br/></div>", "markup"),
        ("https://example.com/happy", "links"),
        ("xqzt bvvk wrrtp", "none of its words"),
    ],
)
def test_what_has_no_words_says_so(text, reason):
    assert reason in str(nothing_to_read(text, VOCABULARY))


def test_markup_goes_and_words_stay():
    text = "<!-- sad --><script>var angry</script>I am <b>glad</b> &amp; 2 < 3 > 1 www.x.org"
    assert words_of(without_markup(text)) == ["i", "am", "glad"]


def test_drawn_out_letters_are_drawn_in():
    assert words_of("Noooo waaay, don’t! bookkeeper") == ["no", "way", "don't", "bookkeeper"]
