; INT 08h, the timer tick: the target's pings, keepalives and ARP are answered while the booted
; program sits in a menu and calls nothing.
;
; Hooked in front of the BIOS's handler, which is called first: it has ended the interrupt at the
; controller when our work begins. Interrupts stay off; net_poll is bounded by the receive ring.
; A program that takes the vector for itself, or leaves real mode, ends this and nothing else.
%include "romgen.inc"
%include "int13.inc"

global int08_entry:function
global int08_old:data
extern int13_enter
extern int13_leave
extern net_poll
extern time_held
extern time_tick
extern net_now
extern tcp_heard
extern tcp_rtt_on
extern tcp_probe

KEEPALIVE_MS    equ 30000       ; silence after which the peer is asked: routers on the way forget a
                                ; connection that is quiet; a target that has forgotten it says so now

BSS tick
int08_old:      resd 1                  ; the vector before us

CODE tick
;---------------------------------------------------------------------------
; int08_entry [jump] - INT 08h, from the stub in the data segment
; in:       DS = DGROUP; the stack: INT13_CALLER; other registers: the interrupted program's
; out:      returns to it
; clobbers: none
; needs:    10 bytes of its stack, and what the handler before us needs
;---------------------------------------------------------------------------
int08_entry:
        pushf
        call    far [int08_old]
        call    int13_enter
        jc      .busy                   ; in the middle of INT 13h, which polls by itself
        mov     byte [time_held], 1
        mov     byte [tcp_rtt_on], 0    ; the clock loses a piece: what it would measure is too short
        call    time_tick
        call    net_poll
        mov     eax, [net_now]
        mov     edx, eax
        sub     edx, [tcp_heard]
        cmp     edx, KEEPALIVE_MS
        jl      .heard
        mov     [tcp_heard], eax        ; asked: the next time is as far away
        call    tcp_probe
.heard:
        mov     byte [time_held], 0
        jmp     int13_leave
.busy:
        pop     ds
        iret
