"""Words of every script by which the benchmark of identity measures how marks are treated."""

import unicodedata

# Script: two words that differ in marks only, and one word with and without what is optional.
SCRIPTS = {
    "Arabic": (
        ("سأل", "سئل"),
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("کتابی", "كتابي"),
        ("أنا", "انا"),
    ),
    "Bengali": (("দিন", "দান"), ("দিন", "দিন\u200d")),
    "Cyrillic": (("мой", "мои"), ("ёлка", "елка"), ("за\u0301мок", "замок"), ("их", "их")),
    "Devanagari": (("दिल", "दाल"), ("दि\u200dल", "दिल")),
    "Greek": (("νομος", "νομοι"), ("νόμος", "ΝΟΜΟΣ"), ("Μαΐου", "ΜΑΙΟΥ")),
    "Hangul": (("밤", "바"), ("밤", unicodedata.normalize("NFD", "밤"))),
    "Hebrew": (("שלום", "שלומ"), ("שָׁלוֹם", "שלום"), ("צ׳יפס", "צ'יפס")),
    "Japanese": (("かき", "がき"), ("ｶﾞｷ", "ガキ"), ("か\u3099き", "がき")),
    "Khmer": (("កិច្ច", "កច"), ("ក\u200bា", "កា")),
    "Latin": (("bas", "bass"), ("déjà", "deja"), ("İzmir", "IZMIR"), ("Don´t", "don’t")),
    "Tamil": (("கல்", "கலி"), ("கல்\u200c", "கல்")),
    "Thai": (("มา", "ม้า"), ("มา\u200b", "มา")),
}
