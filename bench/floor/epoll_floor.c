/*
 * The physical floor of a fan-out: what this machine's kernel asks for when one process writes the same bytes to N WebSocket
 * connections, with nothing else done. One thread, one epoll set, one write(2) for each connection and burst. It accepts connections,
 * answers the WebSocket handshake (RFC 6455 section 4.2.2), ignores what peers send, and writes pre-framed buffers when told so on
 * standard input. It knows no channels, no numbering and no back-pressure: a full socket is waited for.
 *
 * Control: one line in, one JSON line out, as bench/servers/control.mjs speaks it.
 *   connections | usage | publish <messages> <burst> <mode> <pace> <stamp> | quit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 65536
#define HEAD_BYTES 2048
#define PAYLOAD_BYTES 200
#define FRAME_BYTES (4 + PAYLOAD_BYTES)
#define MAX_BURST 64

struct peer {
  int open;            /* handshake answered */
  size_t head_length;  /* bytes of the request read so far */
  char *head;          /* the request, while it is being read */
};

static struct peer peers[MAX_FD];
static int live[MAX_FD];
static int live_count = 0;
static int live_slot[MAX_FD];
static int epoll_fd;
static uint64_t sequence = 0;

/* ---------------------------------------------------------------- SHA-1 (FIPS 180-4) and base64 (RFC 4648), for the handshake only */

static uint32_t rotate(uint32_t word, int by) { return (word << by) | (word >> (32 - by)); }

/* Digest of a message of at most 119 bytes (two blocks), which a handshake key with its GUID (60 bytes) always is. */
static void sha1(const uint8_t *message, size_t length, uint8_t digest[20]) {
  uint8_t blocks[128] = {0};
  uint32_t state[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
  size_t total = length + 9 <= 64 ? 64 : 128;
  memcpy(blocks, message, length);
  blocks[length] = 0x80;
  for (int index = 0; index < 8; index++) blocks[total - 1 - index] = (uint8_t)((uint64_t)length * 8 >> (8 * index));
  for (size_t at = 0; at < total; at += 64) {
    uint32_t words[80];
    for (int t = 0; t < 16; t++) {
      const uint8_t *from = blocks + at + t * 4;
      words[t] = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
    }
    for (int t = 16; t < 80; t++) words[t] = rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int t = 0; t < 80; t++) {
      uint32_t mix, constant;
      if (t < 20) mix = (b & c) | (~b & d), constant = 0x5a827999u;
      else if (t < 40) mix = b ^ c ^ d, constant = 0x6ed9eba1u;
      else if (t < 60) mix = (b & c) | (b & d) | (c & d), constant = 0x8f1bbcdcu;
      else mix = b ^ c ^ d, constant = 0xca62c1d6u;
      uint32_t next = rotate(a, 5) + mix + e + constant + words[t];
      e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
  }
  for (int index = 0; index < 20; index++) digest[index] = (uint8_t)(state[index / 4] >> (24 - 8 * (index % 4)));
}

/* Base64 of exactly 20 bytes: 28 characters and a NUL. */
static void base64_digest(const uint8_t digest[20], char out[29]) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int group = 0; group < 7; group++) {
    int last = group == 6;
    uint32_t bits = (uint32_t)digest[group * 3] << 16 | (uint32_t)digest[group * 3 + 1] << 8 | (last ? 0 : digest[group * 3 + 2]);
    out[group * 4] = alphabet[bits >> 18];
    out[group * 4 + 1] = alphabet[bits >> 12 & 63];
    out[group * 4 + 2] = alphabet[bits >> 6 & 63];
    out[group * 4 + 3] = last ? '=' : alphabet[bits & 63];
  }
  out[28] = 0;
}

/* ---------------------------------------------------------------- connections */

static void drop(int fd) {
  if (peers[fd].open) {
    int moved = live[--live_count];
    live[live_slot[fd]] = moved;
    live_slot[moved] = live_slot[fd];
  }
  free(peers[fd].head);
  memset(&peers[fd], 0, sizeof peers[fd]);
  close(fd);
}

/* Writes everything; waits for a full socket. False when the peer is gone. */
static int write_all(int fd, const char *bytes, size_t length, uint64_t *stalls) {
  while (length > 0) {
    ssize_t taken = write(fd, bytes, length);
    if (taken > 0) {
      bytes += taken;
      length -= (size_t)taken;
    } else if (taken < 0 && errno == EAGAIN) {
      struct pollfd wait = {.fd = fd, .events = POLLOUT};
      ++*stalls;
      if (poll(&wait, 1, 10000) <= 0) return 0;
    } else if (taken < 0 && errno != EINTR) {
      return 0;
    }
  }
  return 1;
}

static void answer_handshake(int fd, char *head) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  char *key = strcasestr(head, "sec-websocket-key:");
  char joined[64], accept[29], reply[256];
  uint8_t digest[20];
  uint64_t stalls = 0;
  if (!key) return drop(fd);
  key += 18;
  while (*key == ' ') key++;
  memcpy(joined, key, 24);
  memcpy(joined + 24, guid, 36);
  sha1((const uint8_t *)joined, 60, digest);
  base64_digest(digest, accept);
  int length = snprintf(reply, sizeof reply,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
  if (!write_all(fd, reply, (size_t)length, &stalls)) return drop(fd);
  free(peers[fd].head);
  peers[fd].head = NULL;
  peers[fd].open = 1;
  live_slot[fd] = live_count;
  live[live_count++] = fd;
}

static void on_readable(int fd) {
  char ignored[16384];
  if (peers[fd].open) {
    ssize_t got = read(fd, ignored, sizeof ignored);
    if (got == 0 || (got < 0 && errno != EAGAIN)) drop(fd);
    return;
  }
  if (!peers[fd].head) peers[fd].head = calloc(1, HEAD_BYTES);
  ssize_t got = read(fd, peers[fd].head + peers[fd].head_length, HEAD_BYTES - 1 - peers[fd].head_length);
  if (got <= 0) return drop(fd);
  peers[fd].head_length += (size_t)got;
  peers[fd].head[peers[fd].head_length] = 0;
  if (strstr(peers[fd].head, "\r\n\r\n")) answer_handshake(fd, peers[fd].head);
  else if (peers[fd].head_length == HEAD_BYTES - 1) drop(fd);
}

static void on_acceptable(int listener) {
  for (;;) {
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= MAX_FD) {
      close(fd);
      continue;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

/* ---------------------------------------------------------------- control */

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* One frame of bench/lib/payload.mjs: 200 bytes of JSON with a number and a time at fixed places. */
static void build_frame(char *frame) {
  char stamp[64];
  frame[0] = (char)0x81;
  frame[1] = 126;
  frame[2] = 0;
  frame[3] = (char)PAYLOAD_BYTES;
  char *payload = frame + 4;
  memset(payload, 'x', PAYLOAD_BYTES);
  int length = snprintf(stamp, sizeof stamp, "{\"k\":\"~%010llu:%016llu\",\"p\":\"", (unsigned long long)sequence++,
                        (unsigned long long)now_us());
  memcpy(payload, stamp, (size_t)length);
  memcpy(payload + PAYLOAD_BYTES - 2, "\"}", 2);
}

static void publish(unsigned messages, unsigned burst, double pace) {
  static char frames[MAX_BURST * FRAME_BYTES];
  uint64_t stalls = 0, started = now_us();
  unsigned first = (unsigned)sequence;
  for (unsigned sent = 0; sent < messages; sent += burst) {
    uint64_t begin = now_us();
    for (unsigned index = 0; index < burst; index++) build_frame(frames + index * FRAME_BYTES);
    for (int slot = live_count - 1; slot >= 0; slot--) {
      int fd = live[slot];
      if (!write_all(fd, frames, burst * FRAME_BYTES, &stalls)) drop(fd);
    }
    double rest = (double)(now_us() - begin) * pace;
    usleep(rest < 1000 ? 1000 : (useconds_t)rest);
  }
  printf("{\"published\":%u,\"first\":%u,\"stalls\":%llu,\"wallUs\":%llu}\n", (unsigned)sequence - first, first, (unsigned long long)stalls,
         (unsigned long long)(now_us() - started));
}

static void usage(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("{\"userUs\":%lld,\"systemUs\":%lld,\"rss\":0,\"heapUsed\":0,\"external\":0}\n",
         (long long)used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec, (long long)used.ru_stime.tv_sec * 1000000 + used.ru_stime.tv_usec);
}

static int on_line(const char *line) {
  unsigned messages, burst;
  char mode[16];
  double pace;
  if (sscanf(line, "publish %u %u %15s %lf", &messages, &burst, mode, &pace) == 4) {
    if (burst < 1 || burst > MAX_BURST) printf("{\"error\":\"burst must be 1 to %d\"}\n", MAX_BURST);
    else publish(messages, burst, pace);
  } else if (strncmp(line, "usage", 5) == 0) usage();
  else if (strncmp(line, "connections", 11) == 0) printf("{\"connections\":%d}\n", live_count);
  else if (strncmp(line, "quit", 4) == 0) return 0;
  else printf("{\"error\":\"unknown command\"}\n");
  fflush(stdout);
  return 1;
}

/* Reads whole lines; false at the end of input or after `quit`. */
static int on_control(void) {
  static char pending[1024];
  static size_t filled = 0;
  ssize_t got = read(STDIN_FILENO, pending + filled, sizeof pending - 1 - filled);
  if (got <= 0) return 0;
  filled += (size_t)got;
  pending[filled] = 0;
  for (char *end; (end = strchr(pending, '\n')) != NULL;) {
    *end = 0;
    if (!on_line(pending)) return 0;
    filled -= (size_t)(end + 1 - pending);
    memmove(pending, end + 1, filled + 1);
  }
  return filled < sizeof pending - 1;
}

int main(void) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = 0};
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = STDIN_FILENO;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  printf("{\"port\":%d}\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    struct epoll_event ready[512];
    int count = epoll_wait(epoll_fd, ready, 512, -1);
    for (int index = 0; index < count; index++) {
      int fd = ready[index].data.fd;
      if (fd == listener) on_acceptable(listener);
      else if (fd != STDIN_FILENO) on_readable(fd);
      else if (!on_control()) return 0;
    }
  }
}
