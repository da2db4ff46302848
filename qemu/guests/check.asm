; The demonstration disk: checks the disk that it was started from, sector by
; sector, by CHS and by EDD, writes, reads back, reports on COM2 (report.inc).
;
; More defines than guest.inc has, from romgen/boot/disk.py:
;   PATTERN_MUL, PATTERN_SEED, PATTERN_STEP, PATTERN_ADD   see pattern.inc
;   PATTERN_FIRST                   first sector with the pattern; it goes to the disk's end
;   CHS_WRITE_FIRST, CHS_WRITE_END  sectors that are written with AH=03h
;   EDD_WRITE_FIRST, EDD_WRITE_END  sectors that are written with AH=43h
;   MARK_A, MARK_B                  sectors that are read before and behind the AH=00h calls

%include "guest.inc"
GUEST_BEGIN

COUNT_MAX       equ 127                 ; blocks in one EDD call
CHS_COUNT_MAX   equ 128                 ; sectors in one CHS call: 64 KiB
RESETS          equ 8                   ; AH=00h between the two marks
BUFFER          equ 0x20000             ; linear, the middle of the buffers below
HIGH_BUFFER     equ 0x300000            ; linear, above 1 MiB, for a 64-bit flat address
NO_DRIVE        equ 8                   ; this many numbers above the boot drive nothing is there
GUARD           equ 0x5AA5C33C          ; around each buffer
TICK_PATIENCE   equ 0x4000000           ; reads of 40:6C before the clock is called dead
EDD_MAGIC_IN    equ 0x55AA
EDD_MAGIC_OUT   equ 0xAA55
EDD_FIXED       equ 1                   ; AH=41h, CX: functions 42-44, 47, 48
EDD_FLAT        equ 8                   ; AH=41h, CX: 64-bit flat address
PARAMS_PATTERN  equ 0xCC                ; what lies behind the caller's buffer has to keep this
CHS_VALID       equ 2                   ; AH=48h: flag C/H/S valid

struc move                              ; INT 15h AH=87h: descriptor table
.zero:          resb 16
.from:          resb 8
.to:            resb 8
.bios:          resb 16
endstruc
MOVE_ACCESS     equ 0x93                ; present, data, writable

VARIABLES
geo_spt:        resd 1
geo_heads:      resd 1
geo_cylinders:  resd 1
chs_end:        resd 1
bulk_end:       resd 1
bulk_culprit:   resw 1
bulk_move:      resw 1
count_at:       resw 1                  ; next of bulk.counts
buffer_at:      resw 1                  ; next of buffer_next.table
buf_seg:        resw 1
buf_off:        resw 1
edd_flags:      resw 1
params_given:   resw 1                  ; size of the buffer in the last AH=48h
bulk_write:     resb 1
                resb 1
move_at:        resb move_size
CODE

; CHECK "name", EXPECT_..., OUT_... mask: make the prepared call twice and report it
%macro CHECK 3
        mov     si, %%name
        mov     ax, %2
        mov     bx, %3
        call    int13_try
        jmp     %%over
%%name: db      %1, 0
%%over:
%endmacro

; VERDICT "name": "@ok name" if ZF = 1, else "@fail name" with EAX
%macro VERDICT 1
        mov     si, %%name
        call    verdict
        jmp     %%over
%%name: db      %1, 0
%%over:
%endmacro

; FUNCTION ax: `regs_in` for a call with this AX
%macro FUNCTION 1
        call    int13_fresh
        mov     word [regs_in + regs.eax], %1
%endmacro

main:
        call    report_begin
        call    facts_report
        xor     ax, ax
        mov     es, ax
        call    pattern_init
        mov     word [buffer_at], buffer_next.table
        mov     word [count_at], bulk.counts
        call    tick_check
        call    check_queries
        call    check_simple
        call    check_refusals
        call    check_buffers
        call    check_all
        call    check_marks
        call    check_writes
        call    tick_check
        jmp     report_done

;---------------------------------------------------------------------------
; verdict - report by ZF
; in:       SI = name, ZF, EAX = value to show on failure
; out:      -
; clobbers: none
; needs:    DS = 0
;---------------------------------------------------------------------------
verdict:
        jne     .fail
        jmp     report_ok
.fail:
        call    report_fail
        PUT     "value="
        call    put_hex32
        jmp     put_line

;---------------------------------------------------------------------------
; tick_check - does the timer interrupt still arrive?
; in:       -
; out:      -
; clobbers: EAX, ECX, EDX, SI, ES, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
tick_check:
        mov     ax, BDA
        mov     es, ax
        mov     edx, [es:BDA_TICKS]
        mov     ecx, TICK_PATIENCE
.wait:
        mov     eax, [es:BDA_TICKS]
        cmp     eax, edx
        jne     .moved
        a32 loop .wait
.moved:
        push    0
        pop     es
        cmp     ecx, 0
        setne   al
        xor     al, 1
        VERDICT "clock"
        ret

;---------------------------------------------------------------------------
; check_queries - what the BIOS says about the disk, and whether it agrees with itself
; in:       -
; out:      geo_heads, geo_spt, geo_cylinders, chs_end, edd_flags
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_queries:
        FUNCTION 0x4100
        mov     word [regs_in + regs.ebx], EDD_MAGIC_IN
        CHECK   "41.check", EXPECT_CF0, OUT_BX | OUT_CX
        mov     ax, [regs_out + regs.ebx]
        mov     cx, [regs_out + regs.ecx]
        mov     [edd_flags], cx
        PUT     "@fact edd "
        push    eax
        mov     al, [regs_out + regs.eax + 1]
        call    put_hex8
        PUT     " "
        mov     ax, cx
        call    put_hex16
        call    put_line
        pop     eax
        cmp     ax, EDD_MAGIC_OUT
        VERDICT "41.magic"
        mov     ax, cx
        not     ax
        test    al, EDD_FIXED
        VERDICT "41.fixed"

        FUNCTION 0x0800
        CHECK   "08.geometry", EXPECT_OK, OUT_BX | OUT_CX | OUT_DX | OUT_DI_ES
        mov     cx, [regs_out + regs.ecx]
        mov     dx, [regs_out + regs.edx]
        movzx   eax, cl
        and     al, 0x3F
        mov     [geo_spt], eax
        movzx   eax, dh
        inc     ax
        mov     [geo_heads], eax
        mov     al, ch
        mov     ah, cl
        shr     ah, 6
        inc     ax
        mov     [geo_cylinders], eax
        PUT     "@fact chs "
        call    put_dec
        PUT     " "
        mov     eax, [geo_heads]
        call    put_dec
        PUT     " "
        mov     eax, [geo_spt]
        call    put_dec
        call    put_line
        mov     eax, [geo_cylinders]
        mul     dword [geo_heads]
        mul     dword [geo_spt]
        cmp     eax, DISK_SECTORS
        jbe     .chs_end
        mov     eax, DISK_SECTORS
.chs_end:
        mov     [chs_end], eax
        cmp     eax, PATTERN_FIRST      ; something has to be reachable by CHS
        seta    al
        xor     al, 1
        VERDICT "08.reach"
        push    es
        mov     ax, BDA
        mov     es, ax
        movzx   eax, byte [es:BDA_DISKS]
        pop     es
        cmp     al, [regs_out + regs.edx]       ; DL = number of disks
        VERDICT "08.count"

        FUNCTION 0x1500
        CHECK   "15.type", EXPECT_CF0, OUT_CX | OUT_DX
        mov     al, [regs_out + regs.eax + 1]
        cmp     al, 3                   ; hard disk
        VERDICT "15.hard-disk"
        PUT     "@fact type15 "
        mov     ax, [regs_out + regs.ecx]
        shl     eax, 16
        mov     ax, [regs_out + regs.edx]
        call    put_dec
        call    put_line

        mov     ax, PARAMS_EDD1
        call    params_query
        CHECK   "48.edd1", EXPECT_OK, 0
        call    params_verify
        VERDICT "48.edd1-values"
        mov     ax, PARAMS_EDD2
        call    params_query
        CHECK   "48.edd2", EXPECT_OK, 0
        call    params_verify
        VERDICT "48.edd2-values"
        mov     ax, PARAMS_EDD3
        call    params_query
        CHECK   "48.edd3", EXPECT_OK, 0
        call    params_verify
        VERDICT "48.edd3-values"
        PUT     "@fact params "
        mov     ax, [params_at + params.size]
        call    put_hex16
        PUT     " "
        mov     ax, [params_at + params.flags]
        call    put_hex16
        PUT     " "
        mov     eax, [params_at + params.sectors]
        call    put_dec
        PUT     " "
        movzx   eax, word [params_at + params.bytes]
        call    put_dec
        PUT     " "
        mov     si, params_at + params.path
        mov     bp, PARAMS_EDD3 - PARAMS_EDD2
.path:
        lodsb
        call    put_hex8
        dec     bp
        jnz     .path
        jmp     put_line

;---------------------------------------------------------------------------
; params_query - prepare AH=48h with a buffer of a given size
; in:       AX = size
; out:      `regs_in`, params_at
; clobbers: CX, DI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
params_query:
        push    ax
        mov     di, params_at
        mov     cx, params_size
        mov     al, PARAMS_PATTERN
        rep     stosb
        pop     ax
        mov     [params_at + params.size], ax
        mov     [params_given], ax
        FUNCTION 0x4800
        mov     word [regs_in + regs.esi], params_at
        ret

;---------------------------------------------------------------------------
; params_verify - the answer of AH=48h against what the disk really is
; in:       params_at
; out:      ZF = 1: right; else EAX = number of the rule that is broken
; clobbers: EAX, EBX, EDX, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
params_verify:
        mov     al, 1
        cmp     word [params_at + params.size], PARAMS_EDD1
        jb      .out
        mov     al, 2
        cmp     dword [params_at + params.sectors], DISK_SECTORS
        jne     .out
        mov     al, 3
        cmp     dword [params_at + params.sectors + 4], 0
        jne     .out
        mov     al, 4
        cmp     word [params_at + params.bytes], SECTOR
        jne     .out
        mov     al, 5
        cmp     word [params_at + params.size], PARAMS_EDD3
        ja      .out
        test    byte [params_at + params.flags], CHS_VALID
        jz      .kept
        mov     bl, 6                   ; a valid geometry does not exceed the disk
        mov     eax, [params_at + params.cylinders]
        mul     dword [params_at + params.heads]
        mul     dword [params_at + params.spt]
        cmp     eax, DISK_SECTORS
        mov     al, bl
        ja      .out
.kept:                                  ; nothing behind the caller's buffer was touched
        mov     al, 7
        mov     bx, [params_given]
.byte:
        cmp     bx, params_size
        jae     .good
        cmp     byte [params_at + bx], PARAMS_PATTERN
        jne     .out
        inc     bx
        jmp     .byte
.good:
        xor     al, al
.out:
        movzx   eax, al
        test    al, al
        ret

;---------------------------------------------------------------------------
; check_simple - functions that have to succeed without moving data
; in:       -
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_simple:
        FUNCTION 0x0000
        CHECK   "00.reset", EXPECT_OK, 0
        FUNCTION 0x0D00
        CHECK   "0D.reset", EXPECT_OK, 0
        FUNCTION 0x1000
        CHECK   "10.ready", EXPECT_OK, 0
        FUNCTION 0x1100
        CHECK   "11.recalibrate", EXPECT_OK, 0
        FUNCTION 0x1400
        CHECK   "14.diagnostic", EXPECT_OK, 0
        FUNCTION 0x0C00
        mov     word [regs_in + regs.ecx], 1
        CHECK   "0C.seek", EXPECT_OK, 0
        FUNCTION 0x0404
        mov     word [regs_in + regs.ecx], 1
        CHECK   "04.verify", EXPECT_OK, 0
        mov     eax, PATTERN_FIRST
        mov     cx, 4
        call    packet_fill
        FUNCTION 0x4400
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "44.verify", EXPECT_OK, 0
        FUNCTION 0x4700
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "47.seek", EXPECT_OK, 0
        mov     eax, PATTERN_FIRST
        xor     cx, cx
        call    packet_fill
        FUNCTION 0x4200
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "42.count-0", EXPECT_OK, 0
        ret

;---------------------------------------------------------------------------
; check_refusals - calls that have to fail, and to fail harmlessly
; in:       -
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_refusals:
        FUNCTION 0x5F00
        CHECK   "5F.unknown", EXPECT_BAD, 0
        FUNCTION 0x0800
        add     byte [regs_in + regs.edx], NO_DRIVE
        CHECK   "08.no-drive", EXPECT_CF1, OUT_BX | OUT_CX | OUT_DX | OUT_DI_ES
        FUNCTION 0x0201
        mov     word [regs_in + regs.ecx], 1
        mov     word [regs_in + regs.es], BUFFER >> 4
        mov     word [regs_in + regs.ebx], 0
        add     byte [regs_in + regs.edx], NO_DRIVE
        CHECK   "02.no-drive", EXPECT_CF1, 0
        FUNCTION 0x0201
        mov     word [regs_in + regs.ecx], 0    ; sectors count from 1
        mov     word [regs_in + regs.es], BUFFER >> 4
        mov     word [regs_in + regs.ebx], 0
        CHECK   "02.sector-0", EXPECT_BAD, 0
        FUNCTION 0x0200
        mov     word [regs_in + regs.ecx], 1
        mov     word [regs_in + regs.es], BUFFER >> 4
        mov     word [regs_in + regs.ebx], 0
        CHECK   "02.count-0", EXPECT_BAD, 0
        FUNCTION 0x0201
        mov     word [regs_in + regs.ecx], 0xFFC1       ; cylinder 1023
        mov     word [regs_in + regs.es], BUFFER >> 4
        mov     word [regs_in + regs.ebx], 0
        CHECK   "02.cylinder-1023", EXPECT_CF1, 0
        mov     ax, PARAMS_EDD1 - 1
        call    params_query
        CHECK   "48.small-buffer", EXPECT_BAD, 0

        mov     eax, DISK_SECTORS
        mov     cx, 1
        call    packet_fill
        FUNCTION 0x4200
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "42.beyond-end", EXPECT_CF1, 0
        movzx   eax, word [packet_at + packet.count]
        test    ax, ax                  ; nothing was transferred
        VERDICT "42.beyond-end-count"
        mov     eax, DISK_SECTORS - 2
        mov     cx, 4
        call    packet_fill
        FUNCTION 0x4200
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "42.across-end", EXPECT_CF1, 0
        movzx   eax, word [packet_at + packet.count]
        cmp     ax, 2                   ; at most two blocks exist
        seta    bl
        test    bl, bl
        VERDICT "42.across-end-count"
        mov     eax, PATTERN_FIRST
        mov     cx, 1
        call    packet_fill
        mov     dword [packet_at + packet.lba + 4], 1   ; 2 TiB further on
        FUNCTION 0x4200
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "42.lba-high", EXPECT_CF1, 0
        mov     eax, PATTERN_FIRST
        mov     cx, 1
        call    packet_fill
        mov     byte [packet_at + packet.size], PACKET_SHORT - 1
        FUNCTION 0x4200
        mov     word [regs_in + regs.esi], packet_at
        CHECK   "42.short-packet", EXPECT_BAD, 0
        ; the last status is kept, and a good call clears it
        FUNCTION 0x0000
        CHECK   "00.after-errors", EXPECT_OK, 0
        FUNCTION 0x0100
        CHECK   "01.status", EXPECT_OK, 0
        ret

;---------------------------------------------------------------------------
; packet_fill - a disk address packet for the usual buffer
; in:       EAX = first block, CX = count
; out:      packet_at
; clobbers: none
; needs:    DS = 0
;---------------------------------------------------------------------------
packet_fill:
        mov     word [packet_at + packet.size], PACKET_SHORT
        mov     [packet_at + packet.count], cx
        mov     dword [packet_at + packet.off], (BUFFER >> 4) << 16
        mov     [packet_at + packet.lba], eax
        mov     dword [packet_at + packet.lba + 4], 0
        ret

;---------------------------------------------------------------------------
; move_* - one transfer, `regs_in` and `regs_out` show it
; in:       EAX = first sector, CX = count, EDX = linear buffer, its seg:off in buf_seg, buf_off,
;           BL = 0 read, 1 write
; out:      CF = 1: the call failed or harmed a register; DI = what (name_...)
; clobbers: DI, flags
; needs:    DS = 0
;---------------------------------------------------------------------------
move_chs:
        pushad
        call    int13_fresh
        add     bl, 2
        mov     [regs_in + regs.eax + 1], bl
        mov     [regs_in + regs.eax], cl
        xor     edx, edx
        div     dword [geo_spt]
        mov     cl, dl
        inc     cl
        xor     edx, edx
        div     dword [geo_heads]
        mov     ch, al
        shl     ah, 6
        or      cl, ah
        mov     [regs_in + regs.ecx], cx
        mov     [regs_in + regs.edx + 1], dl
        mov     ax, [buf_off]
        mov     [regs_in + regs.ebx], ax
        mov     ax, [buf_seg]
        mov     [regs_in + regs.es], ax
        jmp     move_judge
move_flat:                              ; fallthrough: by EDD with the 64-bit flat address
        pushad
        mov     byte [packet_at + packet.size], PACKET_LONG
        mov     dword [packet_at + packet.off], PACKET_FLAT
        mov     [packet_at + packet.flat], edx
        mov     dword [packet_at + packet.flat + 4], 0
        jmp     move_packet
move_edd:                               ; fallthrough: by EDD with segment:offset
        pushad
        mov     byte [packet_at + packet.size], PACKET_SHORT
        mov     dx, [buf_off]
        mov     [packet_at + packet.off], dx
        mov     dx, [buf_seg]
        mov     [packet_at + packet.seg], dx
move_packet:                            ; fallthrough: the rest of the packet
        mov     byte [packet_at + packet.zero], 0
        mov     [packet_at + packet.count], cx
        mov     [packet_at + packet.lba], eax
        mov     dword [packet_at + packet.lba + 4], 0
        call    int13_fresh
        add     bl, 0x42
        mov     [regs_in + regs.eax + 1], bl
        mov     byte [regs_in + regs.eax], 0
        mov     word [regs_in + regs.esi], packet_at
move_judge:                             ; fallthrough: call and judge
        call    int13_call
        mov     word [int13_expect], EXPECT_OK
        mov     word [int13_allowed], 0
        call    int13_judge
        mov     di, name_result
        jc      .bad
        call    int13_unharmed
        jnc     .good
.bad:
        mov     [bulk_culprit], di
        popad
        mov     di, [bulk_culprit]
        stc
        ret
.good:
        popad
        clc
        ret

;---------------------------------------------------------------------------
; buffer_next - the next of the buffers, so that every transfer lies differently
; in:       CX = sectors that it has to hold
; out:      EDX = linear address, buf_seg, buf_off
; clobbers: flags
; needs:    DS = 0
;---------------------------------------------------------------------------
buffer_next:
        push    eax
        push    si
        mov     si, [buffer_at]
        cmp     si, .end
        jb      .have
        mov     si, .table
.have:
        lodsw
        mov     [buf_seg], ax
        lodsw
        mov     [buffer_at], si
        cmp     ax, .AT_END
        jne     .offset
        mov     ax, cx                  ; the last byte is byte FFFFh of the segment
        shl     ax, 9
        neg     ax
.offset:
        mov     [buf_off], ax
        movzx   edx, word [buf_seg]
        shl     edx, 4
        movzx   eax, ax
        add     edx, eax
        pop     si
        pop     eax
        ret
.AT_END equ 0xFFFF
.table:
        dw      0x2000, 0
        dw      0x1800, 0               ; crosses a 64 KiB boundary of the memory
        dw      0x2001, 3               ; odd
        dw      0x2000, .AT_END
        dw      0x1FFF, 0x000F
        dw      0x3123, 0x0102
        dw      0x2801, .AT_END         ; both at once
.end:

;---------------------------------------------------------------------------
; guard_set, guard_check - words before and behind a buffer
; in:       EDX = linear address, CX = sectors
; out:      guard_check: CF = 1: one of them was overwritten
; clobbers: flags
; needs:    DS = 0
;---------------------------------------------------------------------------
guard_set:
        push    es
        push    di
        call    guard_before
        mov     dword [es:di], GUARD
        call    guard_behind
        mov     dword [es:di], ~GUARD
        pop     di
        pop     es
        ret
guard_check:                            ; fallthrough: see above
        push    es
        push    di
        call    guard_before
        cmp     dword [es:di], GUARD
        jne     .bad
        call    guard_behind
        cmp     dword [es:di], ~GUARD
        jne     .bad
        clc
        jmp     .out
.bad:
        stc
.out:
        pop     di
        pop     es
        ret
guard_before:                           ; fallthrough: ES:DI = the dword before the buffer
        push    edx
        sub     edx, 4
        jmp     guard_far
guard_behind:                           ; fallthrough: ES:DI = the dword behind the buffer
        push    edx
        push    ecx
        movzx   ecx, cx
        shl     ecx, 9
        add     edx, ecx
        pop     ecx
guard_far:                              ; fallthrough: linear EDX (pushed) to ES:DI
        mov     di, dx
        and     di, 15
        shr     edx, 4
        mov     es, dx
        pop     edx
        ret

;---------------------------------------------------------------------------
; bulk - a range of sectors, in pieces of changing size and place
; in:       SI = name, EAX = first, EBX = end (not included), CX = 0 read, 1 write,
;           DX = move_chs, move_edd or move_flat
; out:      CF = 1: failed; one line is written in any case
; clobbers: flags
; needs:    DS = 0
;---------------------------------------------------------------------------
bulk:
        pushad
        mov     [bulk_end], ebx
        mov     [bulk_write], cl
        mov     [bulk_move], dx
.piece:
        cmp     eax, [bulk_end]
        jae     .ok
        mov     di, [count_at]
        cmp     di, .counts_end
        jb      .have
        mov     di, .counts
.have:
        movzx   ecx, byte [di]
        inc     di
        mov     [count_at], di
        mov     ebx, [bulk_end]
        sub     ebx, eax
        cmp     ecx, ebx
        jbe     .count
        mov     cx, bx
.count:
        call    buffer_next
        cmp     byte [bulk_write], 0
        je      .guard
        call    pattern_make
.guard:
        call    guard_set
        mov     bl, [bulk_write]
        call    [bulk_move]
        jc      .bad
        mov     di, name_guard
        call    guard_check
        jc      .bad
        mov     di, name_contents       ; after a write: the buffer is as it was
        call    pattern_check
        jc      .bad
        add     eax, ecx
        jmp     .piece
.ok:
        call    report_ok
        popad
        clc
        ret
.bad:
        mov     bp, di
        call    report_fail
        push    si
        mov     si, bp
        call    put_string
        pop     si
        PUT     " lba="
        call    put_dec
        PUT     " count="
        movzx   eax, cx
        call    put_dec
        PUT     " buffer="
        mov     eax, edx
        call    put_hex32
        PUT     " ax="
        mov     ax, [regs_out + regs.eax]
        call    put_hex16
        PUT     " flags="
        mov     ax, [regs_out + regs.flags]
        call    put_hex16
        cmp     bp, name_contents
        jne     .end
        PUT     " sector="
        mov     eax, [pattern_bad]
        call    put_dec
        PUT     " byte="
        movzx   eax, word [pattern_at]
        call    put_dec
.end:
        call    put_line
        popad
        stc
        ret
.counts:
        db      COUNT_MAX, 1, 64, 126, 3, 8, 63, COUNT_MAX, 17, 2, 96, 5
.counts_end:
name_guard:     db "overrun", 0
name_contents:  db "contents", 0

; BULK "name", first, end, 0|1 read|write, move_...
%macro BULK 5
        mov     si, %%name
        mov     eax, %2
        mov     ebx, %3
        mov     cx, %4
        mov     dx, %5
        call    bulk
        jmp     %%over
%%name: db      %1, 0
%%over:
%endmacro

;---------------------------------------------------------------------------
; check_buffers - the largest CHS call, the flat address below and above 1 MiB
; in:       -
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_buffers:
        mov     word [buf_seg], BUFFER >> 4
        mov     word [buf_off], 0
        mov     edx, BUFFER
        mov     eax, PATTERN_FIRST
        mov     cx, CHS_COUNT_MAX
        mov     bl, 0
        call    move_chs
        mov     ah, [regs_out + regs.eax + 1]
        jc      .chs_verdict
        mov     eax, PATTERN_FIRST
        call    pattern_check
        mov     ah, 0xFF
        jc      .chs_verdict
        mov     al, [regs_out + regs.eax]
        mov     ah, 0
        sub     al, CHS_COUNT_MAX       ; AL = sectors done
.chs_verdict:
        movzx   eax, ax
        test    ax, ax
        VERDICT "02.count-128"

        test    byte [edd_flags], EDD_FLAT
        jz      .done
        BULK    "42.flat", PATTERN_FIRST, PATTERN_FIRST + 1000, 0, move_flat
        mov     eax, PATTERN_FIRST + 5
        mov     cx, COUNT_MAX
        mov     edx, HIGH_BUFFER
        mov     bl, 0
        call    move_flat
        movzx   eax, word [regs_out + regs.eax]
        jc      .high_verdict
        call    copy_down
        mov     eax, 1
        jc      .high_verdict
        mov     eax, PATTERN_FIRST + 5
        mov     edx, BUFFER
        call    pattern_check
        sbb     eax, eax
.high_verdict:
        test    eax, eax
        VERDICT "42.flat-high"
.done:
        ret

;---------------------------------------------------------------------------
; copy_down - COUNT_MAX sectors from HIGH_BUFFER to BUFFER through INT 15h AH=87h
; in:       -
; out:      CF = 1: the BIOS refused
; clobbers: EAX, DI, SI, flags
; needs:    DS = ES = 0
;---------------------------------------------------------------------------
copy_down:
        push    cx
        mov     di, move_at
        mov     cx, move_size
        xor     al, al
        rep     stosb
        mov     word [move_at + move.from], 0xFFFF
        mov     dword [move_at + move.from + 2], HIGH_BUFFER | (MOVE_ACCESS << 24)
        mov     byte [move_at + move.from + 5], MOVE_ACCESS
        mov     word [move_at + move.to], 0xFFFF
        mov     dword [move_at + move.to + 2], BUFFER | (MOVE_ACCESS << 24)
        mov     ah, 0x87
        mov     cx, COUNT_MAX * SECTOR / 2
        mov     si, move_at
        int     0x15
        pop     cx
        ret

;---------------------------------------------------------------------------
; check_all - every sector of the disk, by CHS as far as it reaches, and by EDD
; in:       -
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_all:
        BULK    "02.whole-disk", PATTERN_FIRST, [chs_end], 0, move_chs
        BULK    "42.whole-disk", PATTERN_FIRST, DISK_SECTORS, 0, move_edd
        ret

;---------------------------------------------------------------------------
; check_marks - AH=00h between two reads: the host looks at the wire between them
; in:       -
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_marks:
        BULK    "mark.before", MARK_A, MARK_A + 1, 0, move_edd
        FUNCTION 0x0000
        mov     cx, RESETS
.reset:
        call    int13_call
        test    byte [regs_out + regs.flags], FL_CF
        jnz     .verdict
        loop    .reset
        xor     ax, ax
.verdict:
        VERDICT "mark.resets"
        BULK    "mark.behind", MARK_B, MARK_B + 1, 0, move_edd
        ret

;---------------------------------------------------------------------------
; check_writes - write by CHS and by EDD, read back by the other, look at the neighbours
; in:       -
; out:      -
; clobbers: all but DS, SS, SP
; needs:    DS = 0
;---------------------------------------------------------------------------
check_writes:
        not     dword [pattern_xor]
        BULK    "03.write", CHS_WRITE_FIRST, CHS_WRITE_END, 1, move_chs
        BULK    "43.write", EDD_WRITE_FIRST, EDD_WRITE_END, 1, move_edd
        BULK    "03.read-back", CHS_WRITE_FIRST, CHS_WRITE_END, 0, move_edd
        BULK    "43.read-back", EDD_WRITE_FIRST, EDD_WRITE_END, 0, move_edd
        not     dword [pattern_xor]
        BULK    "03.neighbours", PATTERN_FIRST, CHS_WRITE_FIRST, 0, move_edd
        BULK    "43.neighbours", CHS_WRITE_END, EDD_WRITE_FIRST, 0, move_edd
        ret

%include "report.inc"
%include "int13.inc"
%include "pattern.inc"
%include "facts.inc"

GUEST_END
