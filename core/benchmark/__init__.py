"""One measured comparison of variants against their original: texts, processes, pairs, statistics, verdict, words."""
