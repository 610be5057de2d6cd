#include "bench/newsbench/account.h"

#include <math.h>

static void add(struct process_reading *sum, pid_t pid)
{
    struct process_reading one;
    if (pid <= 0 || !procfs_process(pid, &one)) return;
    sum->cpu_s += one.cpu_s;
    sum->user_s += one.user_s;
    sum->system_s += one.system_s;
    sum->voluntary += one.voluntary;
    sum->involuntary += one.involuntary;
    sum->waited_s += one.waited_s;
    sum->peak_bytes += one.peak_bytes;
}

static pid_t first_of(const struct roles *r, enum role role)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->process[i].role == role) return r->process[i].pid;
    return 0;
}

static void read_processes(const struct account_of *of, struct account *out)
{
    for (size_t i = 0; i < of->roles->count; i++) {
        const struct role_process *p = &of->roles->process[i];
        if (p->role == ROLE_PUBLISHER) add(&out->publisher, p->pid);
        if (p->role == ROLE_SUBSCRIBER) add(&out->subscriber, p->pid);
    }
    add(&out->server, of->server);
}

/* Both hosts' counters; on loopback they are one host. */
static double both_hosts(const struct account_of *of,
                         double (*counter)(const struct network_reading *))
{
    struct network_reading here;
    pid_t publisher = first_of(of->roles, ROLE_PUBLISHER);
    pid_t subscriber = first_of(of->roles, ROLE_SUBSCRIBER);
    procfs_network(publisher, &here);
    double sum = counter(&here);
    if (!of->lab || procfs_same_network(publisher, subscriber)) return sum;
    procfs_network(subscriber, &here);
    return sum + counter(&here);
}

static double receive_errors(const struct network_reading *n)
{
    return n->udp_receive_errors;
}

static double sent_again(const struct network_reading *n)
{
    return n->tcp_retransmitted;
}

double account_retransmitted(const struct account_of *of)
{
    return of->tcp ? both_hosts(of, sent_again) : NAN;
}

static void read_sockets(const struct account_of *of, struct account *out)
{
    struct tcp_counts senders = {0};
    out->tcp_ok = of->tcp;
    for (size_t i = 0; i < of->roles->count && out->tcp_ok; i++) {
        const struct role_process *p = &of->roles->process[i];
        if (p->role == ROLE_SUBSCRIBER || (p->role == ROLE_PUBLISHER && !of->lab))
            out->tcp_ok = sockets_count(p->pid, &out->clients);
        if (p->role == ROLE_PUBLISHER && of->lab && of->server == 0)
            out->tcp_ok = sockets_count(p->pid, &senders);
    }
    if (out->tcp_ok && of->server > 0) out->tcp_ok = sockets_count(of->server, &senders);
    out->tcp_sent_again = out->clients.retransmitted + senders.retransmitted;
}

static void read_lab(const struct account_of *of, struct account *out)
{
    out->packets = out->bytes = out->dropped = of->lab ? 0 : NAN;
    for (unsigned from = 0; of->lab && from < 2; from++) {
        struct netlab_counts c;
        netlab_counts(of->lab, from, 1 - from, &c);
        out->packets += (double)c.passed;
        out->bytes += (double)c.bytes;
        out->dropped += (double)(c.lost + c.queue_full);
    }
}

void account_read(const struct account_of *of, struct account *out)
{
    *out = (struct account){.at_ns = mono_ns()};
    read_lab(of, out);
    read_processes(of, out);
    procfs_machine(&out->machine);
    out->udp_receive_errors = both_hosts(of, receive_errors);
    read_sockets(of, out);
}

/* before - old + new: what the old one used between counts, and all of the new one's. */
void account_replace_server(struct account *before, pid_t old)
{
    struct process_reading r = {0};
    add(&r, old);
    before->server.cpu_s -= r.cpu_s;
    before->server.user_s -= r.user_s;
    before->server.system_s -= r.system_s;
    before->server.voluntary -= r.voluntary;
    before->server.involuntary -= r.involuntary;
    before->server.waited_s -= r.waited_s;
}

/* User and system time are shares of the exact clock, by ticks that come rarely: each alone may
 * seem to have gone back a little. */
static void fill_cost(struct process_cost *out, const struct process_reading *before,
                      const struct process_reading *after)
{
    double cpu = after->cpu_s - before->cpu_s, user = after->user_s - before->user_s;
    out->user_s = user < 0 ? 0 : user > cpu ? cpu : user;
    out->system_s = cpu - out->user_s;
    out->switches_voluntary = after->voluntary - before->voluntary;
    out->switches_involuntary = after->involuntary - before->involuntary;
    out->peak_bytes = after->peak_bytes;
}

/* A connection that was replaced has taken its counters with it. */
static double grown(double before, double after)
{
    return after >= before ? after - before : NAN;
}

void account_fill(struct run *run, const struct account *before, const struct account *after)
{
    struct wire_counts *w = &run->wire;
    fill_cost(&run->publisher, &before->publisher, &after->publisher);
    fill_cost(&run->subscriber, &before->subscriber, &after->subscriber);
    fill_cost(&run->server, &before->server, &after->server);
    run->softirq_s = after->machine.softirq_s - before->machine.softirq_s;
    w->packets = after->packets - before->packets;
    w->bytes = after->bytes - before->bytes;
    w->dropped = after->dropped - before->dropped;
    w->udp_receive_errors = after->udp_receive_errors - before->udp_receive_errors;
    bool same = before->tcp_ok && after->tcp_ok &&
                before->clients.sockets == after->clients.sockets;
    w->tcp_segments = same ? grown(before->clients.segments, after->clients.segments) : NAN;
    w->tcp_bytes = same ? grown(before->clients.bytes, after->clients.bytes) : NAN;
    w->tcp_retransmitted = same ? grown(before->tcp_sent_again, after->tcp_sent_again) : NAN;
}

double account_steal(const struct account *before, const struct account *after)
{
    double all = after->machine.total_s - before->machine.total_s;
    return all > 0 ? (after->machine.steal_s - before->machine.steal_s) / all : 0;
}

static double waited_share(const struct process_reading *before,
                           const struct process_reading *after, double seconds, size_t processes)
{
    if (processes == 0 || seconds <= 0) return 0;
    return (after->waited_s - before->waited_s) / seconds / (double)processes;
}

double account_waited(const struct account *before, const struct account *after,
                      const struct roles *roles)
{
    double seconds = (double)(after->at_ns - before->at_ns) / 1e9;
    size_t publishers = 0, subscribers = 0;
    for (size_t i = 0; i < roles->count; i++) {
        publishers += roles->process[i].role == ROLE_PUBLISHER;
        subscribers += roles->process[i].role == ROLE_SUBSCRIBER;
    }
    double worst = waited_share(&before->publisher, &after->publisher, seconds, publishers);
    worst = fmax(worst,
                 waited_share(&before->subscriber, &after->subscriber, seconds, subscribers));
    return fmax(worst, waited_share(&before->server, &after->server, seconds, 1));
}
