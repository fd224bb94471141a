#!/usr/bin/env python3
"""The seed's crash in every form of dump: the report must hold each fact that the notebook found by hand.
usage: check_stid_race.py INQUEST [ARCH]"""
import sys

import lab_dumps


def number(text):
    return int(text, 16) if text else None


def check_system(checks, dump, r):
    s, truth = r['system'], dump.truth
    checks.that(f'{dump}: release', s['release'] == truth['release'], s['release'])
    checks.that(f'{dump}: cpus', s['cpus'] == truth['cpus'], s['cpus'])
    checks.that(f'{dump}: nodename', s['nodename'] == truth['nodename'], s['nodename'])
    slack = 0 if truth.get('tasks_exact') else 3
    checks.that(f'{dump}: tasks', abs((s['tasks'] or 0) - truth['tasks']) <= slack, f"{s['tasks']} against {truth['tasks']}")
    memory = s['memory_bytes'] or 0
    checks.that(f'{dump}: memory', 0.85 * truth['memory_bytes'] <= memory <= 1.01 * truth['memory_bytes'], memory)
    checks.that(f'{dump}: panic', s['panic'], s['panic'])
    checks.that(f'{dump}: machine', s['machine'] == dump.arch, s['machine'])
    checks.that(f'{dump}: uptime', s['uptime_seconds'] and 0 < s['uptime_seconds'] < 600, s['uptime_seconds'])
    checks.that(f'{dump}: page size', r['dump']['page_size'] == truth['page_size'], r['dump']['page_size'])


def check_events(checks, dump, r):
    events = r['events']
    if not checks.that(f'{dump}: two events', len(events) >= 2, len(events)):
        return None, None
    warning, oops = events[0], events[1]
    checks.that(f'{dump}: warning', warning['kind'] == 'warning' and warning['function'] == 'delete_node', warning['kind'])
    checks.that(f'{dump}: warning line', warning['file'] == 'lib/radix-tree.c' and warning['line'], f"{warning['file']}:{warning['line']}")
    checks.that(f'{dump}: gap', warning['time'] is not None and 0 < (oops['time'] - warning['time']) * 1000 < 5000)
    node, head = dump.truth['facts']['node'], dump.truth['facts']['private_list']
    meanings = {m['register']: m for m in warning['meanings']}
    checks.that(f'{dump}: a register holds the node', any(m['value'] == node and m['offset'] == 0 and 'node' in m['expression'] for m in meanings.values()),
                [(m['register'], m['expression']) for m in meanings.values()])
    condition = warning.get('condition') or {}
    checks.that(f'{dump}: the condition names private_list', 'private_list' in (condition.get('text') or ''), condition)
    checks.that(f'{dump}: fault address', oops['fault_address'] == head, f"{oops['fault_address']} against {head}")
    return warning, oops


def check_verdict(checks, dump, r):
    v, facts = r['verdicts'][0], dump.truth['facts']
    evidence = {e['id']: e for e in r['evidence']}
    chain = [evidence[i] for i in v['evidence'] if i in evidence]
    text = '\n'.join(e['claim'] for e in chain)
    checks.that(f'{dump}: cause', v['cause'] == 'double-rcu-callback', f"{v['cause']} {v['confidence']}")
    checks.that(f'{dump}: confidence', v['confidence'] >= 0.8, v['confidence'])
    checks.that(f'{dump}: every step has a command', all(e['command'] for e in chain) and len(chain) == len(v['evidence']))
    checks.that(f'{dump}: object type', v['object']['type'] in ('struct xa_node', 'struct radix_tree_node'), v['object'])
    checks.that(f'{dump}: object start', v['object']['address'] == facts['node'], v['object'])
    checks.that(f'{dump}: cache', v['object']['cache'] in ('radix_tree_node', None) and (v['object']['cache'] or dump.truth.get('accepted_no_slab')), v['object'])
    members = ' '.join(v['object']['members'])
    checks.that(f'{dump}: both members', 'private_list' in members and ('callback_head' in members or 'rcu_head' in members), members)
    checks.that(f'{dump}: fault equals a register', any(e['origin'] == 'register' and 'equals' in e['claim'] and facts['private_list'] in e['claim'] for e in chain))
    checks.that(f'{dump}: emptied list', any(e['origin'] == 'memory' and 'emptied list_head' in e['claim'] for e in chain))
    checks.that(f'{dump}: caller', any(e['origin'] == 'stack' and 'rcu_do_batch' in e['claim'] and 'kernel/rcu/tree.c' in e['claim'] for e in chain), text)
    checks.that(f'{dump}: callback', 'radix_tree_node_rcu_free' in text and 'radix_tree_node_free' in text and 'call_rcu' in text)
    checks.that(f'{dump}: its own INIT_LIST_HEAD', 'INIT_LIST_HEAD' in text)
    checks.that(f'{dump}: gap in milliseconds', any('ms before' in e['claim'] for e in chain))
    guilty = v['guilty']
    checks.that(f'{dump}: guilty', guilty['function'] in ('nfs_put_stateid', 'nfs_callback_release') and guilty['module'] == dump.truth['module'] and guilty['line'], guilty)
    others = {a['cause'] for a in v['alternatives'] if a['why_not']}
    checks.that(f'{dump}: alternatives', {'use-after-free', 'out-of-bounds-write'} <= others, others)


def check_stack(checks, dump, r):
    frames = r['crashed']['frames']
    names = [f['function'] or f['symbol'] or f['address'] for f in frames]
    wild = next((i for i, f in enumerate(frames) if f.get('garbage')), None)
    if not checks.that(f'{dump}: the wild jump is a frame', wild is not None, names):
        return
    under = frames[wild + 1]
    # In some builds it is inlined, as in the seed's 4.19.
    under_names = [under['function']] + [i['function'] for i in under['inlined']]
    checks.that(f'{dump}: rcu_do_batch under it', 'rcu_do_batch' in under_names and under['line'], names[wild:wild + 3])
    checks.that(f'{dump}: nothing bogus', all(f['symbol'] or f.get('garbage') or f.get('user') for f in frames), names)
    checks.that(f'{dump}: reaches the root', r['crashed']['complete'], names[-3:])
    checks.that(f'{dump}: the interrupted task', any(f.get('interrupted') for f in frames[wild + 1:]), names)


def check_who_calls(checks, program, dump):
    """How control gets to the callback, and who hands it over, from both its ends."""
    def ask(command):
        return lab_dumps.run(program, 'shell', *dump.paths, '-d', dump.debug, '-c', command).stdout.decode()
    handed = ask('callbacks radix_tree_node_rcu_free')
    checks.that(f'{dump}: callbacks FUNCTION', 'passed to call_rcu' in handed and 'radix_tree_node_free' in handed, handed[:300])
    member = ask('callbacks xa_node.callback_head')
    checks.that(f'{dump}: callbacks TYPE.MEMBER', 'call_rcu' in member and 'radix_tree_node_rcu_free' in member, member[:300])
    paths = ask('paths delete_node')
    checks.that(f'{dump}: paths', 'radix_tree_delete_item' in paths and '<- ' in paths, paths[:300])


def main():
    program = sys.argv[1]
    arch = sys.argv[2] if len(sys.argv) > 2 else None
    found = lab_dumps.dumps(case='stid_race', arch=arch)
    if not found:
        lab_dumps.skip('the lab has no such dumps; make them with `lab/lab make --set check`')
    checks = lab_dumps.Checks()
    for dump in found:
        try:
            r = lab_dumps.report(program, dump)
        except (AssertionError, ValueError) as error:
            checks.that(f'{dump}: a report', False, error)
            continue
        check_system(checks, dump, r)
        warning, _ = check_events(checks, dump, r)
        if warning:
            check_verdict(checks, dump, r)
            check_stack(checks, dump, r)
        if dump.form in ('elf', 'kdump-lzo31') and '64k' not in dump.release:
            check_who_calls(checks, program, dump)
        print(f'{dump}: {r["verdicts"][0]["cause"]} {r["verdicts"][0]["confidence"]:.2f}', flush=True)
    checks.finish()


main()
