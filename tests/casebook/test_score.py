#!/usr/bin/env python3
"""Tests of the score itself: what counts as right. Run: python3 tests/casebook/test_score.py"""
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
from score import below, judge, totals  # noqa: E402  (the path above comes first)

TRUTH = {'cause': 'use-after-free', 'accepted': ['use-after-free', 'wild-call'], 'object': {'type': ['crate'], 'member': ['link']},
         'guilty': {'functions': ['crate_put', 'crate_drop'], 'module': 'crates'}, 'guilty_lines': ['crates.c:7', 'crates.c:9']}
VERDICT = {'cause': 'use-after-free', 'confidence': 0.9, 'object': {'type': 'struct crate', 'member': 'link.next', 'members': ['link', 'rcu']},
           'guilty': {'function': 'crate_put.isra.0', 'module': '[crates]', 'file': 'lab/casebook/x/crates.c', 'line': 9}}


def with_parts(**parts):
    return {**VERDICT, **parts}


class JudgeTest(unittest.TestCase):
    def test_a_right_answer_is_right_in_every_part(self):
        marks = judge(TRUTH, VERDICT)
        self.assertEqual({marks[part] for part in ('cause', 'object', 'member', 'function', 'module', 'line')}, {True})
        self.assertIsNone(marks['task'])

    def test_each_part_is_judged_by_itself(self):
        for part, value, key in (('cause', 'null-call', 'cause'), ('object', {'type': 'struct crates', 'members': ['link']}, 'object'),
                                 ('object', {'type': 'crate', 'members': ['links']}, 'member'),
                                 ('guilty', {**VERDICT['guilty'], 'function': 'crate_putter'}, 'function'),
                                 ('guilty', {**VERDICT['guilty'], 'line': 8}, 'line'), ('guilty', {**VERDICT['guilty'], 'module': None}, 'module')):
            marks = judge(TRUTH, with_parts(**{part: value}))
            self.assertEqual([name for name, mark in marks.items() if mark is False], [key])

    def test_another_accepted_cause_is_right(self):
        self.assertTrue(judge(TRUTH, with_parts(cause='wild-call'))['cause'])

    def test_a_case_without_a_part_is_not_judged_by_it(self):
        marks = judge({'cause': 'deliberate', 'accepted': [], 'object': {}, 'guilty': {}, 'guilty_lines': []}, with_parts(cause='deliberate'))
        self.assertEqual({name for name, mark in marks.items() if mark is not None}, {'cause'})

    def test_a_task_is_named_not_mentioned(self):
        truth = {'cause': 'out-of-memory', 'guilty': {'task': ['awk']}}
        mentioned = {'cause': 'unknown', 'summary': 'dd invoked the oom-killer, awk ran too', 'guilty': {}}
        self.assertIs(judge(truth, mentioned)['task'], False)
        self.assertIs(judge(truth, {**mentioned, 'guilty': {'task': 'dd'}})['task'], False)
        self.assertIs(judge(truth, {**mentioned, 'guilty': {'task': 'awk'}})['task'], True)

    def test_a_cache_is_compared_by_name(self):
        truth = {**TRUTH, 'object': {'cache': ['crate_cache']}}
        self.assertIs(judge(truth, with_parts(object={'cache': 'crate_cache'}))['cache'], True)
        self.assertIs(judge(truth, with_parts(object={'cache': 'kmalloc-64'}))['cache'], False)

    def test_an_empty_verdict_is_wrong_everywhere(self):
        marks = judge(TRUTH, {'cause': 'unknown', 'confidence': 0, 'object': None, 'guilty': None})
        self.assertNotIn(True, marks.values())


class TotalsTest(unittest.TestCase):
    def test_sure_and_wrong_are_counted(self):
        results = [(None, verdict, judge(TRUTH, verdict), 0.1)
                   for verdict in (VERDICT, with_parts(cause='null-call'), with_parts(cause='null-call', confidence=0.5))]
        score = totals(results)
        self.assertEqual((score['cause'], score['sure'], score['sure_and_wrong']), (33.3, 2, 1))
        self.assertEqual(len(below(score, {'cause': 90, 'sure_and_wrong': 0})), 2)
        self.assertEqual(below(score, {'cause': 33, 'sure_and_wrong': 1}), [])


if __name__ == '__main__':
    unittest.main()
