; iBFT 1.03: what the operating system has to know to go on where the ROM stops.
;
; The table lies in DGROUP, which neither INT 12h nor E820 give to the system, and which systems search
; as long as it is above 512 KiB (IBFT_FIRST).
%include "romgen.inc"
%include "ev.inc"
%include "int13.inc"
%include "iscsi.inc"
%include "ibft.inc"

global ibft_write:function
global ibft_other:function
global ibft_table:data

extern boot_bdf
extern chap_peer_name
extern ev_auth_method
extern ev_chap_secret, ev_chap_secret_len, ev_chap_username
extern ev_chapm_secret, ev_chapm_secret_len
extern ev_initiator_name
extern ev_target_ip2
extern ev_vlan
extern int13_drive
extern memory_segment
extern net_gateway, net_ip, net_mac, net_mask
extern session_target, session_target1, session_target2

IPV4_MARK       equ 0FFFFh      ; an IPv4 address is ::FFFF:a.b.c.d; all zeros = none
IPV4_AT         equ 12

BSS ibft
        alignb  IBFT_ALIGN
ibft_table:     resb IBFT_ROOM

; The ROM itself must not show a signature: the first letter comes last.
INITDATA ibft
ibft_head:
        istruc ibft_header
        at ibft_header.signature,       db 0, "BFT"
        at ibft_header.revision,        db IBFT_REVISION
        at ibft_header.oem_id,          db "ROMGEN"
        at ibft_header.oem_table_id,    db "ROMGEN  "
        iend
        istruc ibft_control
        at ibft_control.head.id,       db IBFT_ID_CONTROL
        at ibft_control.head.version,  db IBFT_VERSION
        at ibft_control.head.length,   dw ibft_control_size
        at ibft_control.initiator,      dw IBFT_AT_INITIATOR
        at ibft_control.nic0,           dw IBFT_AT_NIC0
        at ibft_control.target0,        dw IBFT_AT_TARGET0
        iend
IBFT_HEAD_SIZE  equ $ - ibft_head

; IBFT_START structure: its place is DI, its head is filled; index 0
%macro IBFT_START 4                     ; place, id, size, flags
        mov     di, ibft_table + %1
        mov     dword [di], %2 | IBFT_VERSION << 8 | %3 << 16
        mov     byte [di + ibft_structure.flags], %4
%endmacro

INITCODE ibft
;---------------------------------------------------------------------------
; ibft_write - the table for the operating system
; in:       ev_*, net_*, boot_bdf, int13_drive; ibft_table is zeroed
; out:      CF = 0; CF = 1, AX = error: systems will not find it
; clobbers: EAX, EBX, ECX, EDX, ESI, EDI, EBP, ES, flags
; needs:    DS = SS = DGROUP
;---------------------------------------------------------------------------
ibft_write:
        push    ds
        pop     es
        mov     si, ibft_head
        mov     di, ibft_table
        mov     cx, IBFT_HEAD_SIZE
        cs rep movsb
        mov     bx, ibft_table + IBFT_AT_STRINGS        ; where the next string goes

        IBFT_START IBFT_AT_INITIATOR, IBFT_ID_INITIATOR, ibft_initiator_size, IBFT_VALID | IBFT_SELECTED
        add     di, ibft_initiator.name
        mov     si, ev_initiator_name
        call    ibft_text

        IBFT_START IBFT_AT_NIC0, IBFT_ID_NIC, ibft_nic_size, IBFT_VALID | IBFT_SELECTED | IBFT_GLOBAL
        mov     byte [di + ibft_nic.origin], IBFT_ORIGIN_MANUAL
        mov     eax, [net_ip]
        lea     si, [di + ibft_nic.ip]
        call    ibft_address
        mov     edx, [net_mask]
        mov     al, 0
.mask:
        shl     edx, 1                  ; in any order of its bytes a mask has as many ones
        adc     al, 0
        test    edx, edx
        jnz     .mask
        mov     [di + ibft_nic.prefix], al
        mov     ax, [ev_vlan]
        mov     [di + ibft_nic.vlan], ax
        mov     ax, [boot_bdf]
        mov     [di + ibft_nic.bdf], ax
        mov     si, net_mac
        add     di, ibft_nic.mac
        movsd
        movsw

        ; The target in use. The other one is told, too, unless it was tried and failed: systems that
        ; log in everywhere would wait for it.
        IBFT_START IBFT_AT_TARGET0, IBFT_ID_TARGET, ibft_target_size, IBFT_VALID | IBFT_SELECTED
        mov     si, session_target1
        mov     dl, [session_target]
        test    dl, dl
        jz      .used
        mov     si, session_target2
.used:
        call    ibft_target_fill
        mov     dh, [ev_auth_method]
        dec     dh
        js      .second
        mov     si, ev_chap_username
        call    ibft_text
        jc      .long
        mov     si, ev_chap_secret
        mov     cx, [ev_chap_secret_len]
        call    ibft_bytes
        jc      .long
        dec     dh
        js      .second
        mov     si, chap_peer_name      ; CHAPMUsername may leave it to the target
        call    ibft_text
        jc      .long
        mov     si, ev_chapm_secret
        mov     cx, [ev_chapm_secret_len]
        call    ibft_bytes
        jc      .long
.second:
        call    ibft_merge
        jc      .hidden
        jz      .seal                   ; the second place is taken
        test    dl, dl
        jnz     .seal
        cmp     dword [ev_target_ip2], 0
        je      .seal
        IBFT_START IBFT_AT_TARGET1, IBFT_ID_TARGET, ibft_target_size, IBFT_VALID
        inc     byte [di + ibft_structure.index]
        mov     si, session_target2
        call    ibft_target_fill
        jc      .seal                   ; no room: it can be done without
        mov     word [ibft_table + IBFT_AT_CONTROL + ibft_control.target1], IBFT_AT_TARGET1
        mov     si, ibft_table + IBFT_AT_TARGET0 + ibft_target.chap_name
        mov     cx, ibft_target_size - ibft_target.chap_name
        rep movsb                       ; the same account

.seal:
        mov     si, ibft_table
        sub     bx, si
        mov     [si + ibft_header.length], bx
        mov     al, 'i'
.sum:
        add     al, [si]
        inc     si
        dec     bx
        jnz     .sum
        neg     al
        mov     [ibft_table + ibft_header.checksum], al
        mov     byte [ibft_table + ibft_header.signature], 'i'
        mov     ax, ERR_IBFT_PLACE
        cmp     word [memory_segment], IBFT_FIRST >> 4
        ret                             ; below: CF = 1
.hidden:
        clc
        ret
.long:
        FAIL    IBFT_ROOM

;---------------------------------------------------------------------------
; ibft_target_fill - what the boot variables say of a target, without its account
; in:       CS:SI = session_row; DI = its structure; BX = place for the next string
; out:      CF = 0, DI = its CHAP name, BX = place for the next string; CF = 1: no room for its name
; clobbers: EAX, CX, SI, DI, BP, BX, flags
; needs:    DS = ES = SS = DGROUP; the NIC's structure is there
;---------------------------------------------------------------------------
ibft_target_fill:
        mov     bp, [cs:si + session_row.ip]
        mov     eax, [bp]
        push    si
        lea     si, [di + ibft_target.ip]
        call    ibft_address
        xor     eax, [net_ip]
        and     eax, [net_mask]
%if !IBFT_GATEWAY_ALWAYS
        ; Windows sends everything to the target through a gateway that stands here, also on its own net.
        jz      .near
%endif
        mov     eax, [net_gateway]
        mov     si, ibft_table + IBFT_AT_NIC0 + ibft_nic.gateway
        call    ibft_address
.near:
        pop     si
        mov     bp, [cs:si + session_row.port]
        mov     ax, [bp]
        mov     [di + ibft_target.port], ax
        mov     al, [ev_auth_method]    ; None, CHAP, MutualCHAP count as the table's CHAP types do
        mov     [di + ibft_target.chap_type], al
        mov     bp, [cs:si + session_row.name]
        mov     si, [cs:si + session_row.lun]
        add     di, ibft_target.lun
        movsd
        movsd
        add     di, ibft_target.name - ibft_target.lun - 8
        mov     si, bp
        jmp     ibft_text

;---------------------------------------------------------------------------
; ibft_address - an IPv4 address as the table has it
; in:       EAX = address, 0 = none; SI = its 16 bytes, zeroed
; out:      nothing
; clobbers: flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
ibft_address:
        test    eax, eax
        jz      .none
        mov     word [si + IPV4_AT - 2], IPV4_MARK
        mov     [si + IPV4_AT], eax
.none:
        ret

;---------------------------------------------------------------------------
; ibft_text - put a string into the table
; in:       SI = string with its NUL; DI = its ibft_string; BX = place for it
; out:      as ibft_bytes
; clobbers: AX, CX, SI, DI, BX, flags
; needs:    DS = ES = DGROUP
;---------------------------------------------------------------------------
ibft_text:
        push    di
        mov     di, si
        mov     al, 0
        mov     cx, -1
        repne scasb
        not     cx
        dec     cx
        pop     di
; fallthrough: ibft_bytes

;---------------------------------------------------------------------------
; ibft_bytes - put bytes into the table
; in:       DS:SI = bytes, CX = their count; DI, BX as ibft_text
; out:      CF = 0, DI = behind the ibft_string, BX = place for the next string;
;           CF = 1: no room for it, nothing has changed
; clobbers: AX, CX, SI, DI, BX, flags
; needs:    ES = DGROUP
;---------------------------------------------------------------------------
; Some systems read up to the length, others up to a NUL: both are there. Nothing at all is 0, 0.
ibft_bytes:
        jcxz    .none
        mov     ax, ibft_table + IBFT_ROOM
        sub     ax, bx
        cmp     cx, ax                  ; its NUL needs room, too
        cmc
        jc      .out
        mov     ax, bx
        sub     ax, ibft_table
        mov     [es:di + ibft_string.length], cx
        mov     [es:di + ibft_string.offset], ax
        xchg    di, bx
        rep movsb
        inc     di
        xchg    di, bx
.none:
        add     di, ibft_string_size    ; CF = 0
.out:
        ret

;---------------------------------------------------------------------------
; ibft_other - the table of another adapter's ROM
; in:       nothing
; out:      CF = 0, ES:0 = the table; CF = 1: there is none
; clobbers: AX, CX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; One that names our own adapter is left from before a reset: nobody shall find it.
ibft_other:
        mov     ax, IBFT_FIRST >> 4
.place:
        mov     es, ax
        xor     di, di
        cmp     word [es:di + ibft_header.signature], 'iB'      ; in two pieces: this is no table
        jne     .next
        cmp     word [es:di + ibft_header.signature + 2], 'FT'
        jne     .next
        cmp     dword [es:di + ibft_header.oem_id], 'ROMG'
        jne     .next
        mov     di, [es:IBFT_AT_CONTROL + ibft_control.nic0]
        add     di, ibft_nic.mac
        mov     si, net_mac
        mov     cx, 6
        repe cmpsb
        clc
        jne     .out
        mov     [es:ibft_header.signature], cl
.next:
        inc     ax
        cmp     ax, IBFT_HOLE >> 4
        jne     .on
        mov     ax, IBFT_HOLE_END >> 4
.on:
        test    ax, ax
        jnz     .place
        stc
.out:
        ret

;---------------------------------------------------------------------------
; ibft_merge - one table for two adapters: systems take the first that they find
; in:       our own path in the table; BX = place for the next string
; out:      CF = 0, ZF = 1: the other's path is in it, too; CF = 0, ZF = 0: there is no other;
;           CF = 1: the other's table stays as it is. BX = place for the next string
; clobbers: EAX, CX, SI, DI, BX, flags
; needs:    DS = ES = SS = DGROUP
;---------------------------------------------------------------------------
; The path of disk 80h comes first and is the selected one. A table has two paths: the older Linux
; takes no more.
ibft_merge:
        push    ds
        push    es
        call    ibft_other
        push    es
        push    ds
        pop     es
        pop     ds                      ; DS:0 = the other's table
        jc      .none
        cmp     byte [es:int13_drive], INT13_HARD_DISK
        je      .copy
        cmp     word [IBFT_AT_CONTROL + ibft_control.nic1], 1
        jnc     .full                   ; it has two: we are neither
.copy:
        mov     si, [IBFT_AT_CONTROL + ibft_control.nic0]
        mov     di, ibft_table + IBFT_AT_NIC1
        mov     cx, ibft_nic_size
        rep movsb
        mov     si, [IBFT_AT_CONTROL + ibft_control.target0]
        mov     di, ibft_table + IBFT_AT_TARGET1
        mov     cx, ibft_target_size
        rep movsb
        mov     di, ibft_table + IBFT_AT_TARGET1 + ibft_target.name
.string:
        mov     cx, [es:di + ibft_string.length]
        mov     si, [es:di + ibft_string.offset]
        call    ibft_bytes
        jc      .full
        cmp     di, ibft_table + IBFT_AT_TARGET1 + ibft_target_size
        jb      .string
        mov     si, ibft_table + IBFT_AT_NIC1
        mov     di, ibft_table + IBFT_AT_TARGET1
        cmp     byte [es:int13_drive], INT13_HARD_DISK
        je      .ours
        mov     si, [IBFT_AT_INITIATOR + ibft_initiator.name + ibft_string.offset]
        mov     cx, [IBFT_AT_INITIATOR + ibft_initiator.name + ibft_string.length]
        mov     di, ibft_table + IBFT_AT_INITIATOR + ibft_initiator.name
        call    ibft_bytes
        jc      .full
        mov     dword [es:ibft_table + IBFT_AT_CONTROL + ibft_control.nic0], IBFT_AT_NIC1 | IBFT_AT_TARGET1 << 16
        mov     dword [es:ibft_table + IBFT_AT_CONTROL + ibft_control.nic1], IBFT_AT_NIC0 | IBFT_AT_TARGET0 << 16
        mov     si, ibft_table + IBFT_AT_NIC0
        mov     di, ibft_table + IBFT_AT_TARGET0
        jmp     .mark
.ours:
        mov     dword [es:ibft_table + IBFT_AT_CONTROL + ibft_control.nic1], IBFT_AT_NIC1 | IBFT_AT_TARGET1 << 16
.mark:                                  ; SI, DI = the second path
        mov     word [es:si + ibft_structure.index], 1 | (IBFT_VALID | IBFT_GLOBAL) << 8
        mov     word [es:di + ibft_structure.index], 1 | IBFT_VALID << 8
        mov     byte [es:di + ibft_target.nic], 1
        call    .forget
        xor     ax, ax                  ; CF = 0, ZF = 1
        jmp     .out
.full:
        cmp     byte [es:int13_drive], INT13_HARD_DISK
        stc
        jne     .out
        call    .forget                 ; ours is the one that boots
.none:
        or      al, 1                   ; CF = 0, ZF = 0
.out:
        pop     es
        pop     ds
        ret
.forget:
        mov     byte [ibft_header.signature], 0
        ret
