import json,gzip,collections,sys
P=sys.argv[1]
T={t['request_id']:t for t in map(json.loads,gzip.open('truth/truth.jsonl.gz'))}
D={d['request_id']:d for d in map(json.loads,open(P)) if d.get('request_id')}
import re,datetime as dt
def ns(s):
    m=re.match(r'(.*?)\.(\d+)Z',s); return int(dt.datetime.fromisoformat(m[1]+'+00:00').timestamp())*10**9+int(m[2].ljust(9,'0'))
for sc in ('rec_ok','chat_429','rec_crash','rec_filter','chat_leave','poll','read_404','rec_reask','chat_timeout'):
    t=next(t for t in T.values() if t['scenario']==sc and (sc!='rec_crash' or t['duplicate_delivery'])); d=D[t['request_id']]; z=t['start']
    print('##',sc,t['request_id'],'truth',t['outcome'],t['retry_class'],t['retry_count'],'said',d['state'],d['verdict'])
    for o in t['ops']: print('   T %-10s %-22s %8.0f %8.0f %s'%(o['kind'],o['name'][:22],(o['start']-z)/1e6,(o['end']-z)/1e6,o['outcome']))
    for s in d['spans']: print('   P %-10s %-22s %8.0f %8s %s %s'%(s['kind'],(s.get('name') or '')[:22],(ns(s['start'])-z)/1e6,'%.0f'%((ns(s['end'])-z)/1e6) if s.get('end') else '-',s.get('outcome'),s.get('evidence')))
