/*
 * tests/model/latch.pml - the latch of shm/latch.h: one writer at a time, which may be killed at
 * any step and is then followed by another; a reader that takes no lock (readers do not see each
 * other, so one stands for all). The model's steps are the C code's atomic accesses; it is
 * sequentially consistent, as the release stores and acquire loads make the code look (see the
 * comment in shm/latch.h).
 *
 * PROPERTIES  (checked by the assertions of the reader)
 *   whole      a record that a reader accepts has all its words from one latch_store()
 *   published  and that store had been published: its number is not above the last version
 *   forward    and it is not older than one that the same reader accepted before
 *   no wait    a reader needs no step of a writer, alive or dead: within TRIES tries it ends,
 *              whatever the writers do (there is no blocking statement in it)
 *
 * -DBROKEN publishes before the copy is filled. The checker must find that a reader then accepts a
 * record that is not whole.
 */
#define WORDS 2
#define STORES 4  /* by all incarnations of the writer together */
#define DEATHS 2
#define TRIES 3

byte version = 0;
byte copy0[WORDS], copy1[WORDS]; /* word i of record n is n */
byte next = 1;			 /* number of the next record */
byte deaths = 0;
bool alive = true;

inline fill(side, i, n) {
	if
	:: side == 0 -> copy0[i] = n
	:: else -> copy1[i] = n
	fi
}

/* One incarnation after the other. Killed: it stops between any two steps, and a new one begins
 * from what lies in memory. */
active proctype writer() {
	byte v, i, n;

begin:
	do
	:: next > STORES -> break
	:: else ->
		v = version;
		n = next;
		next++;
#ifdef BROKEN
		version = v + 1;
#endif
		i = 0;
		do
		:: i < WORDS ->
			fill((v + 1) % 2, i, n);
			i++
		:: i == WORDS -> break
		:: deaths < DEATHS -> deaths++; goto begin
		od;
		if
		:: true -> skip
		:: deaths < DEATHS -> deaths++; goto begin
		fi;
#ifndef BROKEN
		version = v + 1
#endif
	od
}

active proctype reader() {
	byte v, i, tries, last;
	byte got[WORDS];

	do
	:: tries == TRIES -> break
	:: else ->
		tries++;
		v = version;
		i = 0;
		do
		:: i < WORDS ->
			got[i] = (v % 2 == 0 -> copy0[i] : copy1[i]);
			i++
		:: else -> break
		od;
		if
		:: version == v ->
			assert(got[0] == got[1]);	/* whole */
			assert(got[0] < next);		/* published */
			assert(got[0] >= last);		/* forward */
			last = got[0]
		:: else -> skip /* it lost the race */
		fi
	od
}
