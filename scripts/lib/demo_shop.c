// SPDX-License-Identifier: GPL-2.0-only
// The loads of `scripts/demo`: a shop whose processes do one thing wrong, in a network namespace of their own. Prints
// `ready NETNS NAME PID [NAME PID]` once all is set up, begins when it reads a line, and ends at the end of its input,
// with its parent (also after a kill -9), or a minute after it began.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kDatabasePort = 5432, kStockPort = 8080, kMostSeconds = 60, kWaitSeconds = 120 };

// Not 127.0.0.1: toward it the kernel takes the port of a TIME_WAIT again after a second, so that ports never run out.
static const char *const kAddress = "10.99.0.1";

static void die(const char *what)
{
	fprintf(stderr, "demo: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in shop_address(unsigned short port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, kAddress, &address.sin_addr);
	return address;
}

// PDEATHSIG is of the parent's thread; a parent that died before it was set is seen by getppid().
static void die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		exit(1);
}

static void make_namespace(void)
{
	struct ifreq link = { .ifr_name = "lo" }, alias = { .ifr_name = "lo:1" };
	struct sockaddr_in address = shop_address(0);
	int control;

	if (unshare(CLONE_NEWNET))
		die("cannot make a network namespace");
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		die("socket");
	link.ifr_flags = IFF_UP | IFF_RUNNING;
	memcpy(&alias.ifr_addr, &address, sizeof(address));
	if (ioctl(control, SIOCSIFFLAGS, &link) || ioctl(control, SIOCSIFADDR, &alias))
		die("cannot set up lo");
	close(control);
}

static void set_port_range(int first, int last)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "w");

	if (!file || fprintf(file, "%d %d\n", first, last) < 0 || fclose(file))
		die("cannot set ip_local_port_range");
}

// Calls act() that many times a second, by the clock, so that a busy machine does not slow it for long.
static void each_second(int times, void (*act)(void))
{
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (;;) {
		act();
		next.tv_nsec += 1000000000L / times;
		if (next.tv_nsec >= 1000000000L) {
			next.tv_nsec -= 1000000000L;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

// flood and ports: a client without a pool. It closes first, so each connection leaves it a TIME_WAIT.
static void query_database(void)
{
	struct sockaddr_in database = shop_address(kDatabasePort);
	int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connection < 0)
		die("socket");
	if (connect(connection, (struct sockaddr *)&database, sizeof(database)) && errno != EADDRNOTAVAIL)
		die("connect");
	close(connection);
}

static void serve_database(int listener)
{
	char byte;

	for (;;) {
		int connection = accept(listener, NULL, NULL);

		if (connection < 0)
			die("accept");
		while (read(connection, &byte, 1) > 0)
			;
		close(connection);
	}
}

static int listen_as_database(void)
{
	struct sockaddr_in address = shop_address(kDatabasePort);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1024))
		die("cannot listen");
	return listener;
}

// leak: the stock service is down. Who forgets the socket then, leaks one with each question.
static int ask_stock(void)
{
	struct sockaddr_in stock = shop_address(kStockPort);
	int question = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (question >= 0 && connect(question, (struct sockaddr *)&stock, sizeof(stock)) == 0)
		close(question);
	return -1; // the mistake: not closed when the connection is refused
}

static int ask_price(void)
{
	struct sockaddr_in stock = shop_address(kStockPort);
	int question = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = question < 0 ? question : connect(question, (struct sockaddr *)&stock, sizeof(stock));

	close(question);
	return error;
}

static void handle_order(void) { ask_stock(); }
static void show_article(void) { ask_price(); }

// Starts a process of that name; it says that it is set up by closing `ready`, and begins at the end of `begin`.
struct role {
	const char *name;
	int times;          // a second
	void (*act)(void);  // NULL: the database
};

static pid_t start(const struct role *role, int begin[2])
{
	const struct rlimit descriptors = { .rlim_cur = 1024, .rlim_max = 1024 };
	pid_t parent = getpid(), child;
	int ready[2], listener = -1;
	char byte;

	if (pipe(ready))
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (child > 0) {
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			exit(1); // it has said why
		close(ready[0]);
		return child;
	}
	die_with(parent);
	alarm(kWaitSeconds);
	prctl(PR_SET_NAME, role->name);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	if (!role->act)
		listener = listen_as_database();
	if (write(ready[1], "", 1) != 1)
		die("write");
	close(ready[0]);
	close(ready[1]);
	close(begin[1]);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (read(begin[0], &byte, 1) != 0)
		die("read");
	close(begin[0]);
	alarm(kMostSeconds);
	if (role->act)
		each_second(role->times, role->act);
	serve_database(listener);
	return 0;
}

static const struct load {
	const char *name;
	int ports; // of the namespace's range; 0: the kernel's default
	struct role roles[2];
} kLoads[] = {
	{ "flood", 0, { { "shop-db", 0, NULL }, { "shop-client", 400, query_database } } },
	{ "leak", 0, { { "shop-worker", 10, handle_order }, { "shop-api", 10, show_article } } },
	{ "ports", 300, { { "shop-db", 0, NULL }, { "shop-client", 40, query_database } } },
};

static void run(const struct load *load)
{
	struct stat netns;
	pid_t pids[2];
	char byte;
	int begin[2];

	make_namespace();
	if (load->ports)
		set_port_range(40000, 40000 + load->ports - 1);
	if (pipe(begin) || stat("/proc/self/ns/net", &netns))
		die("cannot prepare");
	for (int at = 0; at < 2; at++)
		pids[at] = start(&load->roles[at], begin);
	printf("ready %lu", (unsigned long)netns.st_ino);
	for (int at = 0; at < 2; at++)
		printf(" %s %d", load->roles[at].name, (int)pids[at]);
	printf("\n");
	fflush(stdout);
	if (read(STDIN_FILENO, &byte, 1) == 1) {
		close(begin[0]);
		close(begin[1]);
		alarm(kMostSeconds);
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
	}
	for (int at = 0; at < 2; at++) {
		kill(pids[at], SIGKILL);
		waitpid(pids[at], NULL, 0);
	}
}

int main(int count, char **words)
{
	die_with(getppid());
	alarm(kWaitSeconds);
	signal(SIGPIPE, SIG_IGN);
	for (unsigned at = 0; count == 2 && at < sizeof(kLoads) / sizeof(kLoads[0]); at++) {
		if (strcmp(words[1], kLoads[at].name) == 0) {
			run(&kLoads[at]);
			return 0;
		}
	}
	fprintf(stderr, "usage: %s flood|leak|ports\n", words[0]);
	return 2;
}
