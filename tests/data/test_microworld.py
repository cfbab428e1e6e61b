"""The microworld: exact sentences for small meanings, disjoint splits with their proof, determinism."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from mtsuite.data.microworld import (
    LANGUAGES_IN_WORLD,
    VERSION,
    describe,
    generate,
    inflections,
    words_of_same_category,
)
from mtsuite.data.microworld.meaning import NP, PP, Both, Clause, Sentence, canonical
from mtsuite.data.microworld.sampling import Sampler
from mtsuite.data.microworld.splits import (
    CATEGORIES,
    REALISERS,
    SHARES,
    classes,
    function_words,
    key,
    split_of,
    tokens,
    written,
)
from mtsuite.errors import DataError

ANNA, PETER = NP("anna", "name"), NP("peter", "name")
SHE, THEY, ME = (NP(word, "pronoun") for word in ("she", "they", "I"))


def say(clause: Clause, kind: str = "statement", **rest: object) -> Sentence:
    return Sentence(kind, clause, **rest)  # type: ignore[arg-type]


EXACT: list[tuple[str, Sentence, dict[str, str]]] = [
    (
        "article, case, gender",
        say(Clause("eat", NP("man"), NP("apple", "a"))),
        {
            "en": "The man eats an apple.",
            "de": "Der Mann isst einen Apfel.",
            "it": "L'uomo mangia una mela.",
            "fr": "L'homme mange une pomme.",
            "ar": "يأكل الرجل تفاحة.",
            "zh": "男人吃一个苹果。",
        },
    ),
    (
        "fronted time: verb second; past",
        say(Clause("read", NP("teacher"), NP("book", "the", 1, "new"), past=True, time="yesterday"), front="time"),
        {
            "en": "Yesterday, the teacher read the new book.",
            "de": "Gestern las der Lehrer das neue Buch.",
            "it": "Ieri il maestro ha letto il nuovo libro.",
            "fr": "Hier, l'enseignant a lu le nouveau livre.",
            "ar": "أمس قرأ المعلم الكتاب الجديد.",
            "zh": "昨天老师读了新书。",
        },
    ),
    (
        "verb-final subordinate clause; SVO after لأن",
        say(Clause("sleep", ANNA), link="because", second=Clause("be", SHE, adjective="tired")),
        {
            "en": "Anna sleeps because she is tired.",
            "de": "Anna schläft, weil sie müde ist.",
            "it": "Anna dorme perché è stanca.",
            "fr": "Anna dort parce qu'elle est fatiguée.",
            "ar": "تنام آنا لأنها متعبة.",
            "zh": "安娜睡觉，因为她很疲惫。",
        },
    ),
    (
        "object relative: participle agreement, resumptive pronoun",
        say(Clause("find", NP("child"), NP("letter", relative=Clause("write", NP("queen"), past=True)), past=True)),
        {
            "en": "The child found the letter that the queen wrote.",
            "de": "Das Kind fand den Brief, den die Königin schrieb.",
            "it": "Il bambino ha trovato la lettera che la regina ha scritto.",
            "fr": "L'enfant a trouvé la lettre que la reine a écrite.",
            "ar": "وجد الطفل الرسالة التي كتبتها الملكة.",
            "zh": "孩子找到了女王写的信。",
        },
    ),
    (
        "subject relative and dative",
        say(Clause("help", NP("woman", relative=Clause("dance", None)), NP("farmer", count=0))),
        {
            "en": "The woman who dances helps the farmers.",
            "de": "Die Frau, die tanzt, hilft den Bauern.",
            "it": "La donna che balla aiuta i contadini.",
            "fr": "La femme qui danse aide les paysans.",
            "ar": "تساعد السيدة التي ترقص الفلاحين.",
            "zh": "跳舞的女人帮助农民们。",
        },
    ),
    (
        "auxiliary to be, contraction, feminine participle",
        say(Clause("go", NP("nurse", count=0), NP("school"), past=True)),
        {
            "en": "The nurses went to the school.",
            "de": "Die Krankenschwestern gingen zur Schule.",
            "it": "Le infermiere sono andate alla scuola.",
            "fr": "Les infirmières sont allées à l'école.",
            "ar": "ذهبت الممرضات إلى المدرسة.",
            "zh": "护士们去了学校。",
        },
    ),
    (
        "a city",
        say(Clause("go", NP("queen"), NP("london", "city"), past=True, negated=True)),
        {
            "en": "The queen did not go to London.",
            "de": "Die Königin ging nicht nach London.",
            "it": "La regina non è andata a Londra.",
            "fr": "La reine n'est pas allée à Londres.",
            "ar": "لم تذهب الملكة إلى لندن.",
            "zh": "女王没有去伦敦。",
        },
    ),
    (
        "negation of an indefinite object",
        say(Clause("buy", ME, NP("bread", "a"), negated=True)),
        {
            "en": "I do not buy bread.",
            "de": "Ich kaufe kein Brot.",
            "it": "Non compro pane.",
            "fr": "Je n'achète pas de pain.",
            "ar": "لا أشتري خبزا.",
            "zh": "我不买面包。",
        },
    ),
    (
        "past negation: jussive",
        say(Clause("sleep", THEY, past=True, negated=True)),
        {
            "en": "They did not sleep.",
            "de": "Sie schliefen nicht.",
            "it": "Non hanno dormito.",
            "fr": "Ils n'ont pas dormi.",
            "ar": "لم يناموا.",
            "zh": "他们没有睡觉。",
        },
    ),
    (
        "dual; classifier; plural of things",
        say(Clause("see", NP("student"), NP("bird", "a", 2, "small"), past=True)),
        {
            "en": "The student saw two small birds.",
            "de": "Der Student sah zwei kleine Vögel.",
            "it": "Lo studente ha visto due piccoli uccelli.",
            "fr": "L'étudiant a vu deux petits oiseaux.",
            "ar": "شاهد الطالب طائرين صغيرين.",
            "zh": "学生看见了两只小鸟。",
        },
    ),
    (
        "numerals with reversed gender",
        say(Clause("sell", NP("merchant"), NP("car", "a", 3, "red"))),
        {
            "en": "The merchant sells three red cars.",
            "de": "Der Händler verkauft drei rote Autos.",
            "it": "Il mercante vende tre macchine rosse.",
            "fr": "Le marchand vend trois voitures rouges.",
            "ar": "يبيع التاجر ثلاث سيارات حمراء.",
            "zh": "商人卖三辆红色的汽车。",
        },
    ),
    (
        "infinitive last; two verbs around the Arabic subject; object pronoun",
        say(Clause("protect", NP("friend", "this", 0), SHE, modal="want")),
        {
            "en": "These friends want to protect her.",
            "de": "Diese Freunde wollen sie schützen.",
            "it": "Questi amici vogliono proteggerla.",
            "fr": "Ces amis veulent la protéger.",
            "ar": "يريد هؤلاء الأصدقاء أن يحموها.",
            "zh": "这些朋友想保护她。",
        },
    ),
    (
        "clitic and agreement",
        say(Clause("see", PETER, SHE, past=True)),
        {
            "en": "Peter saw her.",
            "de": "Peter sah sie.",
            "it": "Pietro l'ha vista.",
            "fr": "Pierre l'a vue.",
            "ar": "شاهدها بطرس.",
            "zh": "彼得看见了她。",
        },
    ),
    (
        "recipient",
        say(Clause("give", NP("mother", "my"), NP("key", "a"), NP("boy"), past=True)),
        {
            "en": "My mother gave a key to the boy.",
            "de": "Meine Mutter gab dem Jungen einen Schlüssel.",
            "it": "Mia madre ha dato una chiave al ragazzo.",
            "fr": "Ma mère a donné une clé au garçon.",
            "ar": "أعطت والدتي الولد مفتاحا.",
            "zh": "我的母亲送给了男孩一把钥匙。",
        },
    ),
    (
        "that-clause: أن with the accusative",
        say(Clause("know_that", ME, that=Clause("work", NP("engineer", count=0), place=PP("in", NP("factory"))))),
        {
            "en": "I know that the engineers work in the factory.",
            "de": "Ich weiß, dass die Ingenieure in der Fabrik arbeiten.",
            "it": "So che gli ingegneri lavorano nella fabbrica.",
            "fr": "Je sais que les ingénieurs travaillent dans l'usine.",
            "ar": "أعلم أن المهندسين يعملون في المصنع.",
            "zh": "我知道工程师们在工厂里工作。",
        },
    ),
    (
        "yes/no question; possessor",
        say(Clause("break", NP("thief"), NP("window", of=NP("house")), past=True), "question"),
        {
            "en": "Did the thief break the window of the house?",
            "de": "Zerbrach der Dieb das Fenster des Hauses?",
            "it": "Il ladro ha rotto la finestra della casa?",
            "fr": "Est-ce que le voleur a cassé la fenêtre de la maison ?",
            "ar": "هل كسر اللص نافذة البيت؟",
            "zh": "小偷打破了房子的窗户吗？",
        },
    ),
    (
        "what",
        say(Clause("drink", NP("cat")), "what"),
        {
            "en": "What does the cat drink?",
            "de": "Was trinkt die Katze?",
            "it": "Che cosa beve il gatto?",
            "fr": "Qu'est-ce que le chat boit ?",
            "ar": "ماذا تشرب القطة؟",
            "zh": "猫喝什么？",
        },
    ),
    (
        "fronted clause and coordination",
        say(
            Clause("sing", Both(ANNA, PETER), past=True),
            front="second",
            link="when",
            second=Clause("be", NP("king"), past=True, adjective="happy"),
        ),
        {
            "en": "When the king was happy, Anna and Peter sang.",
            "de": "Als der König glücklich war, sangen Anna und Peter.",
            "it": "Quando il re era felice, Anna e Pietro hanno cantato.",
            "fr": "Quand le roi était heureux, Anna et Pierre ont chanté.",
            "ar": "عندما كان الملك سعيدا، غنت آنا وبطرس.",
            "zh": "国王很快乐的时候，安娜和彼得唱歌了。",
        },
    ),
    (
        "negated predicate; adjective of a plural of people",
        say(Clause("be", NP("teacher", "the", 0), negated=True, adjective="rich")),
        {
            "en": "The teachers are not rich.",
            "de": "Die Lehrer sind nicht reich.",
            "it": "I maestri non sono ricchi.",
            "fr": "Les enseignants ne sont pas riches.",
            "ar": "ليس المعلمون أغنياء.",
            "zh": "老师们不富有。",
        },
    ),
]


@pytest.mark.parametrize(("meaning", "expected"), [case[1:] for case in EXACT], ids=[case[0] for case in EXACT])
def test_exact_sentences(meaning: Sentence, expected: dict[str, str]) -> None:
    assert {code: REALISERS[code].sentence(meaning) for code in LANGUAGES_IN_WORLD} == expected


@pytest.fixture(scope="module")
def worlds() -> dict[str, list[dict[str, str]]]:
    return {"train": generate("train", 6000), "valid": generate("valid", 400), "test": generate("test", 400)}


def test_splits_share_no_sentence_in_any_language(worlds: dict[str, list[dict[str, str]]]) -> None:
    for code in LANGUAGES_IN_WORLD:
        train, valid, test = ({row[code] for row in worlds[split]} for split in ("train", "valid", "test"))
        assert not train & valid
        assert not train & test
        assert not valid & test


def test_equal_sentences_have_equal_keys() -> None:
    """The guarantee itself, on variants of one meaning that some language neutralises, and on a sample."""
    apple = say(Clause("eat", NP("man"), NP("apple")))
    apples = say(Clause("eat", NP("man"), NP("apple", "the", 0)))
    assert canonical(apple) != canonical(apples)
    assert key(apple) == key(apples)
    he, she = (say(Clause("sleep", NP(word, "pronoun"))) for word in ("he", "she"))
    assert REALISERS["it"].sentence(he) == REALISERS["it"].sentence(she)
    assert split_of(he) == split_of(she)
    sampler = Sampler(random.Random(3))
    meanings = [sampler.sentence() for _ in range(8000)]
    for realiser in REALISERS.values():
        keys: dict[str, str] = {}
        for meaning in meanings:
            assert keys.setdefault(realiser.sentence(meaning), key(meaning)) == key(meaning)


def test_every_written_word_has_one_class_or_none() -> None:
    """The proof for the five languages with spaces: each word decides its class, and every word is known."""
    sampler = Sampler(random.Random(4))
    meanings = [sampler.sentence() for _ in range(2000)]
    known = classes()
    for code in ("ar", "de", "en", "fr", "it"):
        grammar = function_words(code)
        owner: dict[str, str | None] = {}
        for table in CATEGORIES.values():
            for concept, entry in table.items():
                for token in set(written(code, entry)) - grammar:
                    assert owner.setdefault(token, known.get(concept)) == known.get(concept), (code, token)
        for meaning in meanings:
            words = [word for word in tokens(code, REALISERS[code].sentence(meaning)) if word not in grammar]
            assert " ".join(sorted({found for word in words if (found := owner[word])})) == key(meaning)


def test_chinese_can_be_read_in_one_way() -> None:
    """The proof for Chinese: the words form a uniquely decodable code (Sardinas and Patterson, 1953)."""
    words = {entry.words["zh"][0] for table in CATEGORIES.values() for entry in table.values()}
    words |= REALISERS["zh"].FUNCTION_WORDS - {"", "我们", "他们"}  # read as 我 + 们, function words all the same
    seen = {longer[len(word) :] for word in words for longer in words if longer != word and longer.startswith(word)}
    todo = list(seen)
    while todo:
        rest = todo.pop()
        assert rest not in words
        follow = {word[len(rest) :] for word in words if word.startswith(rest)}
        follow |= {rest[len(word) :] for word in words if rest.startswith(word)}
        todo.extend(follow - seen)
        seen |= follow
    assert len(classes()) > 300


def test_a_split_is_its_share_of_meanings() -> None:
    sampler = Sampler(random.Random(5))
    counts = Counter(split_of(sampler.sentence()) for _ in range(6000))
    for split, share in SHARES.items():
        assert abs(counts[split] / 6000 - share) < 0.02


def test_rows_are_distinct_and_complete(worlds: dict[str, list[dict[str, str]]]) -> None:
    rows = worlds["train"]
    assert all(tuple(sorted(row)) == LANGUAGES_IN_WORLD for row in rows)
    assert len({row["en"] for row in rows}) > 0.99 * len(rows)
    lengths = [len(row["en"].split()) for row in rows]
    assert min(lengths) >= 3
    assert max(lengths) <= 14
    assert 6 < sum(lengths) / len(lengths) < 9
    for row in rows:
        assert row["zh"][-1] in "。？"
        assert " " not in row["zh"]
        assert row["ar"][-1] in ".؟"
        assert all(row[code][0].isupper() and row[code][-1] in ".?" for code in ("de", "en", "fr", "it"))
        assert all("  " not in text and ",," not in text and ",." not in text for text in row.values())


def test_a_shorter_list_begins_a_longer_one(worlds: dict[str, list[dict[str, str]]]) -> None:
    assert generate("train", 50) == worlds["train"][:50]
    assert generate("train", 50, seed=2) != worlds["train"][:50]
    assert generate("valid", 0) == []


def test_deterministic_whatever_the_hash_seed() -> None:
    program = "from mtsuite.data.microworld import *\n"
    program += "print(ascii(generate('test', 15, 7)), ascii(inflections('ar', 'كتب')))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_words_follow_zipf() -> None:
    """Rank times frequency varies little over the head of the list of animals, and the head is far above the tail."""
    counts: Counter[str] = Counter()
    for row in generate("train", 6000, seed=3):
        counts.update(tokens("en", row["en"]))
    dog, cat, tiger = (counts[word] + counts[word + "s"] for word in ("dog", "cat", "tiger"))
    assert dog > cat > tiger > 0
    assert counts["paris"] > 0
    assert 1.1 < dog / cat < 2  # weights 1/2 and 1/3
    assert dog / tiger > 5
    assert all(counts[word] for word in ("eats", "reads", "saw", "the", "because"))


def test_an_unknown_split_or_count_is_refused() -> None:
    with pytest.raises(DataError, match=r"'tests'.*'test'"):
        generate("tests", 3)
    with pytest.raises(DataError):
        generate("train", -1)


def test_describe_counts() -> None:
    said = describe()
    assert (said["languages"], said["version"]) == (("ar", "de", "en", "fr", "it", "zh"), VERSION)
    counts = said["concepts"]
    assert isinstance(counts, dict)
    assert (counts["noun"] >= 120, counts["verb"] >= 50, counts["total"] >= 300) == (True, True, True)


def test_every_lexeme_has_words_everywhere() -> None:
    concepts = [concept for table in CATEGORIES.values() for concept in table]
    assert len(concepts) == len(set(concepts))
    for code, realiser in REALISERS.items():
        for table in CATEGORIES.values():
            for entry in table.values():
                forms = realiser.forms(entry)
                assert forms, (code, entry.concept)
                assert all(form and not set("|_!<=+") & set(form) for _, form in forms), (code, forms)


def test_inflections_and_words_of_the_same_category() -> None:
    assert inflections("en", "mouse") == ["mice"]
    assert inflections("it", "bianco") == ["bianca", "bianchi", "bianche"]
    assert "aßen" in inflections("de", "isst")
    assert "معلمون" in inflections("ar", "معلم")
    assert inflections("zh", "狗") == []
    others = words_of_same_category("en", "dogs")
    assert others[:2] == ["men", "women"]
    assert "dog" not in others
    assert words_of_same_category("fr", "L'homme")[0].startswith("L'")
    assert words_of_same_category("de", "Hund")[0] == "Mann"
    assert "猫" in words_of_same_category("zh", "狗")
    assert words_of_same_category("en", "xyzzy") == inflections("en", "xyzzy") == []
    with pytest.raises(DataError):
        inflections("xx", "dog")
