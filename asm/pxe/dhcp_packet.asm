; DHCP packets (RFC 2131, 2132): making ours, looking for options in others'.
%include "romgen.inc"
%include "pxe.inc"

global dhcp_build:function
global dhcp_option:function
global dhcp_file:function
global dhcp_class:function
global dhcp_xid:data
global dhcp_started:data
global dhcp_uuid:data

extern net_mac
extern time_now

DHCP_LENGTH     equ 548         ; bytes that every host accepts, and relays want at least 300 (RFC 1542)
MAC_SIZE        equ 6

BSS pxe_dhcp
dhcp_xid:       resd 1
dhcp_started:   resd 1          ; ms: from when `secs` counts
dhcp_uuid:      resb 16         ; as SMBIOS has it

INITDATA pxe_dhcp
; The options of all our packets, behind the message type; the UUID follows.
dhcp_options:
        db      DHCP_MAX_SIZE, 2, DHCP_ROOM >> 8, DHCP_ROOM & 0FFh
        db      DHCP_ARCH, 2, 0, 0              ; PC with BIOS (RFC 4578, 2.1)
        db      DHCP_UNDI, 3, 1, 2, 1           ; UNDI 2.1
        db      DHCP_LIST, DHCP_WANTED
dhcp_wanted:
        db      DHCP_MASK, DHCP_ROUTER, 6, 12, 13, 15, 17, 28, 40, 41, 42, DHCP_VENDOR, DHCP_REQUESTED_IP
        db      51, DHCP_SERVER_ID, DHCP_CLASS, DHCP_TFTP_SERVER, DHCP_BOOTFILE, DHCP_ARCH, DHCP_UNDI
        db      DHCP_UUID, 128, 129, 130, 131, 132, 133, 134, 135
DHCP_WANTED     equ $ - dhcp_wanted
        db      DHCP_CLASS, DHCP_CLASS_SIZE
dhcp_class_text:
        db      "PXEClient"
DHCP_CLASS_NAME equ $ - dhcp_class_text
        db      ":Arch:00000:UNDI:002001"
DHCP_CLASS_SIZE equ $ - dhcp_class_text
        db      DHCP_UUID, 17, 0
DHCP_OPTIONS    equ $ - dhcp_options

INITCODE pxe_dhcp
;---------------------------------------------------------------------------
; dhcp_build - a packet of ours, without what only some have
; in:       DI = where, DHCP_ROOM bytes; AL = message type
; out:      DI = behind the options so far: more may follow, and DHCP_END must; CX = its length in all
; clobbers: EAX, ECX, EDX, SI, DI, ES, flags
; needs:    DS = DGROUP; dhcp_xid, net_mac
;---------------------------------------------------------------------------
dhcp_build:
        push    ds
        pop     es
        push    ax
        push    di
        xor     ax, ax
        mov     cx, DHCP_ROOM / 2
        rep stosw
        pop     di
        mov     dword [di + dhcp.op], DHCP_BOOTREQUEST | 1 << 8 | MAC_SIZE << 16  ; Ethernet
        mov     eax, [dhcp_xid]
        mov     [di + dhcp.xid], eax
        call    time_now
        sub     eax, [dhcp_started]
        xor     edx, edx
        mov     ecx, 1000
        div     ecx
        xchg    al, ah
        mov     [di + dhcp.secs], ax
        mov     eax, [net_mac]
        mov     [di + dhcp.chaddr], eax
        mov     ax, [net_mac + 4]
        mov     [di + dhcp.chaddr + 4], ax
        mov     dword [di + dhcp.magic], DHCP_MAGIC
        add     di, dhcp_size
        mov     ax, DHCP_TYPE | 1 << 8
        stosw
        pop     ax
        stosb
        mov     si, dhcp_options
        mov     cx, DHCP_OPTIONS
        cs rep movsb
        mov     si, dhcp_uuid
        mov     cl, 16
        rep movsb
        mov     cx, DHCP_LENGTH
        ret

;---------------------------------------------------------------------------
; dhcp_option - find an option
; in:       BX = packet, DHCP_ROOM bytes, zeros behind its end; AL = code
; out:      CF = 0, SI = its value, CX = length; CF = 1: it is not there
; clobbers: AX, CX, DX, SI, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
; Behind the options proper `file` and `sname` may hold more (option 52). Of an option that is there
; twice the first one counts.
dhcp_option:
        lea     si, [bx + dhcp_size]
        lea     di, [bx + DHCP_ROOM]
        mov     dl, 0                   ; DL = what `file` and `sname` hold
        call    .scan
        jnc     .done
        lea     si, [bx + dhcp.file]
        lea     di, [bx + dhcp.magic]
        shr     dl, 1
        jnc     .no_file
        call    .scan
        jnc     .done
.no_file:
        lea     si, [bx + dhcp.sname]
        lea     di, [bx + dhcp.file]
        shr     dl, 1
        cmc
        jc      .done
.scan:                                  ; SI to DI for AL
        cmp     si, di
        jae     .absent
        mov     ah, [si]
        inc     si
        cmp     ah, DHCP_PAD
        je      .scan
        cmp     ah, DHCP_END
        je      .absent
        cmp     si, di
        jae     .absent
        movzx   cx, byte [si]
        inc     si
        mov     dh, ah
        push    si
        add     si, cx
        cmp     si, di                  ; goes beyond the end: nothing behind it can be trusted
        pop     si
        ja      .absent
        cmp     dh, al
        je      .found
        cmp     dh, DHCP_OVERLOAD
        jne     .next
        jcxz    .next
        mov     dl, [si]
.next:
        add     si, cx
        jmp     .scan
.found:
        clc
        ret
.absent:
        stc
.done:
        ret

;---------------------------------------------------------------------------
; dhcp_file - the name of the file to boot
; in:       BX = packet
; out:      CF = 0, SI = the name, CX = its length without NUL; CF = 1: there is none
; clobbers: AX, CX, DX, SI, DI, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_file:
        mov     al, DHCP_BOOTFILE
        call    dhcp_option
        jnc     .length                 ; some servers count a NUL in
        mov     al, DHCP_OVERLOAD
        call    dhcp_option
        jc      .field
        jcxz    .field
        test    byte [si], DHCP_OVERLOAD_FILE
        stc
        jnz     .done
.field:
        lea     si, [bx + dhcp.file]
        mov     cx, dhcp.magic - dhcp.file
.length:
        mov     di, si
        jcxz    .none
.char:
        cmp     byte [di], 0
        je      .end
        inc     di
        loop    .char
.end:
        mov     cx, di
        sub     cx, si
        jnz     .done                   ; CF = 0
.none:
        stc
.done:
        ret

;---------------------------------------------------------------------------
; dhcp_class - does the sender of a packet know PXE?
; in:       BX = packet
; out:      ZF = 1: it says PXEClient (option 60)
; clobbers: AX, CX, DX, SI, DI, ES, flags
; needs:    DS = DGROUP
;---------------------------------------------------------------------------
dhcp_class:
        mov     al, DHCP_CLASS
        call    dhcp_option
        jc      .no
        cmp     cx, DHCP_CLASS_NAME
        jb      .no
        push    cs
        pop     es
        mov     di, dhcp_class_text
        mov     cx, DHCP_CLASS_NAME
        repe cmpsb
        ret
.no:
        test    sp, sp                  ; ZF = 0
        ret
